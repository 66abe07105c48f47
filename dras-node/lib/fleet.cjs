'use strict';

const { inspect } = require('node:util');
const native = require('./native.cjs');
const { translate, DrasError, InputError, StateError } = require('./errors.cjs');
const { freeze } = require('./freeze.cjs');
const input = require('./input.cjs');
const { nativePolicy } = require('./policy.cjs');
const { Task, adopt, nativeTask, shadowed } = require('./task.cjs');
const { Decision } = require('./decision.cjs');

class Fleet {
  #handle;
  #policy;
  #tasks = new Map();
  #at = [];
  #free = [];

  constructor(policy, ids = []) {
    this.#handle = new native.NativeFleet(nativePolicy(policy));
    this.#policy = policy;
    if (typeof ids === 'string' || typeof ids?.[Symbol.iterator] !== 'function') throw input.wrongType(ids, 'the tasks', 'several ids');
    for (const id of ids) this.add(id);
  }

  /** The addon's fleet. */
  get #native() {
    if (this.#handle === null) throw new StateError('the fleet was disposed of, and cannot be used any more', 'disposed');
    return this.#handle;
  }

  get policy() {
    return this.#policy;
  }

  get ids() {
    return [...this.#tasks.keys()];
  }

  get size() {
    return this.#tasks.size;
  }

  #member(id) {
    const member = this.#tasks.get(input.text(id, 'id'));
    if (member === undefined) throw new InputError(`there is no task ${JSON.stringify(id.slice(0, 60))} in the fleet`, 'unknown_task');
    return member;
  }

  add(task, options = undefined) {
    const handle = this.#native;
    const added = task instanceof Task ? task : new Task(this.#policy, task, options);
    if (added.policy.fingerprint !== this.#policy.fingerprint) {
      throw new InputError(`the task ${JSON.stringify(added.id)} belongs to another policy than the fleet`, 'other_policy');
    }
    if (this.#tasks.has(added.id)) {
      throw new InputError(`the fleet has a task ${JSON.stringify(added.id.slice(0, 60))} already`, 'known_task');
    }
    const place = this.#free.at(-1) ?? this.#at.length;
    handle.put(place, nativeTask(added));
    this.#free.pop();
    this.#at[place] = added;
    this.#tasks.set(added.id, { task: added, place, series: new Map() });
    return added;
  }

  remove(id) {
    const handle = this.#native;
    const { place, series } = this.#member(id);
    handle.take(place);
    handle.dropSeries([...series.values()]);
    this.#at[place] = undefined;
    this.#free.push(place);
    this.#tasks.delete(id);
  }

  has(id) {
    return this.#tasks.has(id);
  }

  get(id) {
    return this.#tasks.get(id)?.task;
  }

  [Symbol.iterator]() {
    return [...this.#tasks.values()].map((member) => member.task)[Symbol.iterator]();
  }

  set(attribute, values) {
    const name = input.text(attribute, 'the name of an attribute');
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw input.wrongType(values, 'the values', 'an object or a Map of ids and values');
    }
    void this.#native;
    const source = values instanceof Map ? [...values] : Object.entries(values);
    // Whatever no task would take is found before anything is set.
    const all = source.map(([id, value]) => [this.#member(id).task, { [name]: value }]);
    const errors = [];
    for (const [task, attributes] of all) {
      try {
        task.set(attributes);
      } catch (error) {
        if (!(error instanceof DrasError)) throw error;
        errors.push({ task: task.id, error });
      }
    }
    return errors;
  }

  series(task, metric, instance = '') {
    const handle_ = this.#native;
    const { place, series } = this.#member(task);
    const [name, of] = [input.text(metric, 'metric'), input.text(instance, 'instance')];
    const key = `${name}\0${of}`;
    let handle = series.get(key);
    if (handle === undefined) {
      try {
        handle = handle_.addSeries(place, name, of);
      } catch (error) {
        throw translate(error);
      }
      series.set(key, handle);
    }
    return handle;
  }

  /** What a call for many tasks came to. Tasks that were taken out while it was under way are still those that it was about. */
  #report(text, tasks) {
    const report = JSON.parse(text);
    report.errors = report.errors.map(([place, fault]) => ({ task: tasks[place]?.id ?? '', error: translate(fault) }));
    return report;
  }

  #columns(series, times, values, now) {
    const handles = input.handles(series, 'series');
    const one = !ArrayBuffer.isView(times);
    const at = one ? BigInt64Array.of(BigInt(Math.floor(input.time(times, 'times')))) : input.wholeTimes(times, 'times');
    const numbers = input.floats(values, 'values');
    if (!one && at.length !== numbers.length) {
      throw new InputError(`${handles.length} handles, ${at.length} times and ${numbers.length} values were given`, 'column_length');
    }
    return [handles, at, numbers, input.time(now, 'now')];
  }

  ingest(series, times, values, options) {
    const given = input.options(options, ['now'], 'ingest');
    const columns = this.#columns(series, times, values, given.now);
    const handle = this.#native;
    try {
      return this.#report(handle.ingest(...columns), this.#at);
    } catch (error) {
      throw translate(error);
    }
  }

  async ingestAsync(series, times, values, options) {
    const given = input.options(options, ['now', 'threads', 'signal'], 'ingestAsync');
    const columns = this.#columns(series, times, values, given.now);
    const threads = input.threads(given.threads);
    const [handle, tasks] = [this.#native, [...this.#at]];
    return this.#report(await input.work(given.signal, (cancel) => handle.ingestAsync(...columns, threads, cancel)), tasks);
  }

  #answer(metric, body, { label, now }) {
    return [input.text(metric, 'metric'), input.text(label, 'label'), input.time(now, 'now'), input.body(body, 'body')];
  }

  readPrometheus(metric, body, options) {
    const answer = this.#answer(metric, body, input.options(options, ['label', 'now'], 'readPrometheus'));
    const handle = this.#native;
    try {
      return this.#report(handle.readPrometheus(...answer), this.#at);
    } catch (error) {
      throw translate(error);
    }
  }

  async readPrometheusAsync(metric, body, options) {
    const given = input.options(options, ['label', 'now', 'signal'], 'readPrometheusAsync');
    const answer = this.#answer(metric, body, given);
    const [handle, tasks] = [this.#native, [...this.#at]];
    return this.#report(await input.work(given.signal, (cancel) => handle.readPrometheusAsync(...answer, cancel)), tasks);
  }

  due(after, until) {
    const [from, to] = [input.time(after, 'after'), input.time(until, 'until')];
    const handle = this.#native;
    try {
      return JSON.parse(handle.due(from, to)).map(({ place, at, look }) => ({ task: this.#at[place].id, at, look }));
    } catch (error) {
      throw translate(error);
    }
  }

  async decide(now, options = undefined) {
    const given = input.options(options, ['look', 'tasks', 'keep', 'threads', 'signal'], 'decide');
    const at = input.time(now, 'now');
    const short = input.look(given.look);
    const all = input.keep(given.keep);
    const threads = input.threads(given.threads);
    let places;
    if (given.tasks !== undefined) {
      if (typeof given.tasks === 'string' || typeof given.tasks?.[Symbol.iterator] !== 'function') {
        throw input.wrongType(given.tasks, 'tasks', 'several ids');
      }
      places = [...new Set(Array.from(given.tasks, (id) => this.#member(id).place))];
      places.sort((a, b) => a - b);
    }
    // Tasks that are added or removed meanwhile do not change what this look is about.
    const [handle, policy, tasks] = [this.#native, this.#policy, [...this.#at]];
    const look = await input.work(given.signal, (cancel) => handle.decide(at, short, places, threads, all, cancel));
    return new FleetDecisions(look, tasks, policy, at);
  }

  async differences(policy, now, options = undefined) {
    const given = input.options(options, ['threads', 'signal'], 'differences');
    const [other, at, threads] = [nativePolicy(policy), input.time(now, 'now'), input.threads(given.threads)];
    const handle = this.#native;
    return JSON.parse(await input.work(given.signal, (cancel) => handle.differences(other, at, threads, cancel)));
  }

  async replacePolicy(policy, options) {
    const given = input.options(options, ['now', 'threads', 'signal'], 'replacePolicy');
    const [other, at, threads] = [nativePolicy(policy), input.time(given.now, 'now'), input.threads(given.threads)];
    const handle = this.#native;
    const replaced = await input.work(given.signal, async (cancel) => {
      const { gone, ...replaced } = JSON.parse(await handle.replacePolicy(other, at, threads, cancel));
      const lost = new Set(gone);
      this.#policy = policy;
      for (const { task, series } of this.#tasks.values()) {
        if (task.id in replaced.carried) adopt(task, policy);
        for (const [key, of] of series) if (lost.has(of)) series.delete(key);
      }
      return replaced;
    });
    return replaced;
  }

  async startShadow(policy, options = undefined) {
    const given = input.options(options, ['threads', 'signal'], 'startShadow');
    const [other, threads] = [nativePolicy(policy), input.threads(given.threads)];
    const [handle, tasks] = [this.#native, [...this.#tasks.values()]];
    await input.work(given.signal, async (cancel) => {
      try {
        await handle.startShadow(other, threads, cancel);
        for (const { task } of tasks) shadowed(task, policy);
      } catch (error) {
        // None has one rather than some.
        this.stopShadow();
        throw error;
      }
    });
  }

  stopShadow() {
    this.#native.stopShadow();
    for (const { task } of this.#tasks.values()) shadowed(task, null);
  }

  dispose() {
    for (const { task } of this.#tasks.values()) task.dispose();
    this.#tasks.clear();
    this.#handle = null;
    this.#at = [];
    this.#free = [];
  }

  [Symbol.dispose]() {
    this.dispose();
  }

  toString() {
    return `fleet of ${this.size} tasks under the ${this.#policy}`;
  }

  [inspect.custom]() {
    return `Fleet { ${this.size} tasks, ${this.#policy} }`;
  }
}

class FleetDecisions {
  #native;
  #tasks;
  #policy;
  #made = [];
  #errors;
  #differences;

  constructor(look, tasks, policy, at) {
    if (!(look instanceof native.NativeLook)) throw new TypeError('decisions of a fleet are made by Fleet.decide');
    this.#native = look;
    this.#tasks = tasks;
    this.#policy = policy;
    const [looked, changed, held, fired, undefined_, length] = look.counts();
    for (const [name, value] of Object.entries({ at, looked, changed, held, fired, undefined: undefined_, length })) {
      Object.defineProperty(this, name, { value, enumerable: true });
    }
  }

  decision(index) {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined;
    if (this.#made[index] === undefined) {
      const decision = this.#native.decision(index);
      // The task may have come under another policy since.
      const task = this.#tasks[this.#native.place(index)];
      const by = decision.fingerprint();
      this.#made[index] = new Decision(decision, task.policy.fingerprint === by ? task.policy : this.#policy, task.id);
    }
    return this.#made[index];
  }

  get(task) {
    for (let i = 0; i < this.length; i++) {
      if (this.#tasks[this.#native.place(i)].id === task) return this.decision(i);
    }
    return undefined;
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.length; i++) yield this.decision(i);
  }

  get errors() {
    this.#errors ??= JSON.parse(this.#native.errors()).map(([place, text]) => ({ task: this.#tasks[place].id, error: translate(text) }));
    return this.#errors;
  }

  get differences() {
    this.#differences ??= freeze(JSON.parse(this.#native.differences()));
    return this.#differences;
  }

  get instructions() {
    return [...this].map((decision) => decision.instruction).filter((instruction) => instruction !== null);
  }
}

module.exports = { Fleet, FleetDecisions };
