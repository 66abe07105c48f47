'use strict';

const native = require('./native.cjs');
const { translate, InputError, StateError } = require('./errors.cjs');
const input = require('./input.cjs');
const { nativePolicy } = require('./policy.cjs');
const { Task, nativeTask } = require('./task.cjs');
const { Decision } = require('./decision.cjs');

class Fleet {
  #native;
  #policy;
  #tasks = new Map();
  #at = [];
  #free = [];

  constructor(policy, ids = []) {
    this.#native = new native.NativeFleet(nativePolicy(policy));
    this.#policy = policy;
    if (typeof ids === 'string' || typeof ids?.[Symbol.iterator] !== 'function') throw input.wrongType(ids, 'the tasks', 'several ids');
    for (const id of ids) this.add(id);
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
    const added = task instanceof Task ? task : new Task(this.#policy, task, options);
    if (added.policy.fingerprint !== this.#policy.fingerprint) {
      throw new InputError(`the task ${JSON.stringify(added.id)} belongs to another policy than the fleet`, 'other_policy');
    }
    if (this.#tasks.has(added.id)) {
      throw new InputError(`the fleet has a task ${JSON.stringify(added.id.slice(0, 60))} already`, 'known_task');
    }
    const place = this.#free.pop() ?? this.#at.length;
    this.#native.put(place, nativeTask(added));
    this.#at[place] = added;
    this.#tasks.set(added.id, { task: added, place, series: new Map() });
    return added;
  }

  remove(id) {
    const { place, series } = this.#member(id);
    this.#native.take(place);
    this.#native.dropSeries([...series.values()]);
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

  series(task, metric, instance = '') {
    const { place, series } = this.#member(task);
    const [name, of] = [input.text(metric, 'metric'), input.text(instance, 'instance')];
    const key = `${name}\0${of}`;
    let handle = series.get(key);
    if (handle === undefined) {
      try {
        handle = this.#native.addSeries(place, name, of);
      } catch (error) {
        throw translate(error);
      }
      series.set(key, handle);
    }
    return handle;
  }

  /** What a call for many tasks came to. */
  #report(work) {
    try {
      const report = JSON.parse(work());
      report.errors = report.errors.map(([place, text]) => this.#failure(place, text));
      return report;
    } catch (error) {
      throw translate(error);
    }
  }

  #failure(place, text) {
    return { task: this.#at[place]?.id ?? '', error: translate(text) };
  }

  ingest(series, times, values, options) {
    const given = input.options(options, ['now'], 'ingest');
    const now = input.time(given.now, 'now');
    const handles = input.handles(series, 'series');
    const one = !ArrayBuffer.isView(times);
    const at = one ? BigInt64Array.of(BigInt(Math.floor(input.time(times, 'times')))) : input.wholeTimes(times, 'times');
    const numbers = input.floats(values, 'values');
    if (!one && at.length !== numbers.length) {
      throw new InputError(`${handles.length} handles, ${at.length} times and ${numbers.length} values were given`, 'column_length');
    }
    return this.#report(() => this.#native.ingest(handles, at, numbers, now));
  }

  readPrometheus(metric, body, options) {
    const given = input.options(options, ['label', 'now'], 'readPrometheus');
    const now = input.time(given.now, 'now');
    const label = input.text(given.label, 'label');
    const name = input.text(metric, 'metric');
    const bytes = input.body(body, 'body');
    const members = [...this.#tasks.values()];
    const ids = members.map((member) => member.task.id);
    const places = members.map((member) => member.place);
    return this.#report(() => this.#native.readPrometheus(name, label, now, ids, places, bytes));
  }

  due(after, until) {
    const [from, to] = [input.time(after, 'after'), input.time(until, 'until')];
    try {
      return JSON.parse(this.#native.due(from, to)).map(({ place, at, look }) => ({ task: this.#at[place].id, at, look }));
    } catch (error) {
      throw translate(error);
    }
  }

  async decide(now, options = undefined) {
    const given = input.options(options, ['look', 'tasks', 'keep', 'threads', 'signal'], 'decide');
    const at = input.time(now, 'now');
    const short = input.look(given.look);
    const all = given.keep === undefined ? false : input.word(given.keep, 'keep', ['matters', 'all']) === 'all';
    const threads = given.threads === undefined ? 0 : input.count(given.threads, 'threads', 256);
    if (given.threads === 0) throw new InputError('threads must be at least 1', 'number');
    const { signal } = given;
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw input.wrongType(signal, 'signal', 'an AbortSignal');
    let places;
    if (given.tasks !== undefined) {
      if (typeof given.tasks === 'string' || typeof given.tasks?.[Symbol.iterator] !== 'function') {
        throw input.wrongType(given.tasks, 'tasks', 'several ids');
      }
      places = [...new Set(Array.from(given.tasks, (id) => this.#member(id).place))];
      places.sort((a, b) => a - b);
    }
    signal?.throwIfAborted();
    const cancel = new native.NativeCancel();
    const abort = () => cancel.cancel();
    signal?.addEventListener('abort', abort, { once: true });
    // Tasks that are added or removed meanwhile do not change what this look is about.
    const tasks = [...this.#at];
    try {
      const look = await this.#native.decide(at, short, places, threads, all, cancel);
      signal?.throwIfAborted();
      return new FleetDecisions(look, tasks, at);
    } catch (error) {
      signal?.throwIfAborted();
      throw translate(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  differences(policy, now) {
    const other = nativePolicy(policy);
    const at = input.time(now, 'now');
    try {
      return JSON.parse(this.#native.differences(other, at));
    } catch (error) {
      throw translate(error);
    }
  }

  replacePolicy(policy, options) {
    const given = input.options(options, ['now'], 'replacePolicy');
    const differences = this.differences(policy, input.time(given.now, 'now'));
    const carried = {};
    for (const { task } of this.#tasks.values()) carried[task.id] = task.replacePolicy(policy);
    this.#policy = policy;
    // Handles are of the old policy's metrics.
    const fleet = new native.NativeFleet(nativePolicy(policy));
    for (const member of this.#tasks.values()) {
      fleet.put(member.place, nativeTask(member.task));
      member.series.clear();
    }
    this.#native = fleet;
    return { carried, differences };
  }

  dispose() {
    for (const { task } of this.#tasks.values()) task.dispose();
    this.#tasks.clear();
    this.#native = new native.NativeFleet(nativePolicy(this.#policy));
    this.#at = [];
    this.#free = [];
  }

  [Symbol.dispose]() {
    this.dispose();
  }
}

class FleetDecisions {
  #native;
  #tasks;
  #made = [];
  #errors;

  constructor(look, tasks, at) {
    if (!(look instanceof native.NativeLook)) throw new StateError('decisions are made by Fleet.decide', 'state');
    this.#native = look;
    this.#tasks = tasks;
    const [looked, changed, held, fired, undefined_, length] = look.counts();
    for (const [name, value] of Object.entries({ at, looked, changed, held, fired, undefined: undefined_, length })) {
      Object.defineProperty(this, name, { value, enumerable: true });
    }
  }

  decision(index) {
    if (index < 0 || index >= this.length) return undefined;
    if (this.#made[index] === undefined) {
      const task = this.#tasks[this.#native.place(index)];
      this.#made[index] = new Decision(this.#native.decision(index), task.policy);
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

  get instructions() {
    return [...this].map((decision) => decision.instruction).filter((instruction) => instruction !== null);
  }
}

module.exports = { Fleet, FleetDecisions };
