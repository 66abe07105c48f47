'use strict';

const native = require('./native.cjs');
const { translate, InputError, TaskError } = require('./errors.cjs');
const input = require('./input.cjs');
const { metricsOf, nativePolicy } = require('./policy.cjs');
const { Decision } = require('./decision.cjs');
const { Instruction, flinkEntries } = require('./instruction.cjs');

/** More numbers of instances are not kept: TaskManagers come and go, and each has a new name. */
const MOST_INSTANCES = 4096;

const ROW = ['now', 'at', 'instance'];
const handles = new WeakMap();

/** The addon's task. */
function nativeTask(task) {
  const handle = typeof task === 'object' && task !== null ? handles.get(task) : undefined;
  if (handle === undefined) throw input.wrongType(task, 'the task', 'a Task');
  return handle;
}

function acceptedOf([stored, ignored, resolved, refused, unused]) {
  return { stored, ignored, resolved, refused, unused };
}

/** What a fleet does to all its tasks at once. */
let adopt;
let shadowed;

class Task {
  #native;
  #shadow = null;
  #policy;
  #metrics;
  #instances = new Map();
  #pairs = null;

  constructor(policy, id, options = undefined) {
    const handle = nativePolicy(policy);
    if (id instanceof native.NativeTask) {
      this.#native = id;
      this.#begin(policy, id.id());
      return;
    }
    const name = input.text(id, 'id');
    const given = input.options(options, ['attributes', 'labels'], 'new Task');
    try {
      this.#native = new native.NativeTask(handle, name);
    } catch (error) {
      throw translate(error);
    }
    this.#begin(policy, name);
    if (given.labels !== undefined) this.setLabels(given.labels);
    if (given.attributes !== undefined) this.set(given.attributes);
  }

  #begin(policy, id) {
    this.#policy = policy;
    this.#metrics = metricsOf(policy);
    Object.defineProperty(this, 'id', { value: id, enumerable: true });
    handles.set(this, this.#native);
  }

  static {
    adopt = (task, policy) => task.#adopt(policy);
    shadowed = (task, policy) => {
      task.#shadow = policy;
    };
  }

  /** The addon's task is under this policy now. */
  #adopt(policy) {
    this.#policy = policy;
    this.#metrics = metricsOf(policy);
    this.#instances.clear();
    this.#shadow = null;
  }

  static restore(policy, snapshot) {
    const handle = nativePolicy(policy);
    const bytes = typeof snapshot === 'string' ? undefined : input.bytes(snapshot, 'the snapshot');
    if (bytes === undefined) throw input.wrongType(snapshot, 'the snapshot', 'a Buffer');
    let restored;
    try {
      restored = native.NativeTask.restore(handle, bytes);
    } catch (error) {
      throw translate(error);
    }
    return { task: new Task(policy, restored), carried: JSON.parse(restored.carried()) };
  }

  snapshot() {
    try {
      return this.#native.snapshot();
    } catch (error) {
      throw translate(error);
    }
  }

  replacePolicy(policy) {
    const handle = nativePolicy(policy);
    const carried = this.#ask(() => this.#native.replacePolicy(handle));
    this.#adopt(policy);
    return carried;
  }

  difference(policy, now) {
    const other = nativePolicy(policy);
    const at = input.time(now, 'now');
    return this.#ask(() => this.#native.difference(other, at));
  }

  #do(work) {
    try {
      return work();
    } catch (error) {
      throw translate(error);
    }
  }

  startShadow(policy) {
    const handle = nativePolicy(policy);
    this.#do(() => this.#native.startShadow(handle));
    this.#shadow = policy;
  }

  stopShadow() {
    this.#do(() => this.#native.stopShadow());
    this.#shadow = null;
  }

  promoteShadow() {
    this.#do(() => this.#native.promoteShadow());
    this.#adopt(this.#shadow);
  }

  get shadow() {
    return this.#shadow;
  }

  get shadowDecision() {
    const decision = this.#do(() => this.#native.shadowDecision());
    return decision === null ? null : new Decision(decision, this.#shadow, this.id);
  }

  get shadowDifference() {
    return this.#ask(() => this.#native.shadowDifference());
  }

  get policy() {
    return this.#policy;
  }

  #metric(name) {
    const index = this.#metrics.get(name);
    if (index !== undefined) return index;
    input.text(name, 'the name of a metric');
    const names = [...this.#metrics.keys()];
    const known = names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
    throw new TaskError(`\`${name.slice(0, 200)}\` is not a metric of this policy; known: ${known}`, 'unknown_metric');
  }

  #instance(name) {
    const key = name ?? '';
    let number = this.#instances.get(key);
    if (number === undefined) {
      input.text(key, 'instance');
      if (this.#instances.size >= MOST_INSTANCES) {
        this.#instances.clear();
        this.#native.forgetInstances();
      }
      number = this.#native.instance(key);
      this.#instances.set(key, number);
    }
    return number;
  }

  set(attributes) {
    if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
      throw input.wrongType(attributes, 'the attributes', 'an object');
    }
    const all = [];
    for (const name of Object.keys(attributes)) {
      const value = attributes[name];
      input.text(name, 'the name of an attribute');
      if (value === undefined) continue;
      if (value === null || typeof value === 'boolean') all.push([name, value]);
      else if (typeof value === 'string') all.push([name, input.text(value, `the attribute \`${name}\``)]);
      else if (typeof value === 'number' || typeof value === 'bigint') all.push([name, input.number(value, `the attribute \`${name}\``)]);
      else throw input.wrongType(value, `the attribute \`${name}\``, 'a number, a string, a boolean, or null where it is not known any more');
    }
    try {
      this.#native.set(all.map((a) => a[0]), all.map((a) => a[1]));
    } catch (error) {
      throw translate(error);
    }
  }

  setLabels(labels) {
    const all = labelPairs(labels);
    try {
      for (const [name, value] of all) this.#native.setLabel(name, value);
    } catch (error) {
      throw translate(error);
    }
  }

  setFlinkConfiguration(configuration) {
    const entries = Object.entries(flinkEntries(configuration)).flat();
    try {
      this.#native.setFlinkConfiguration(entries);
    } catch (error) {
      throw translate(error);
    }
  }

  row(values, options) {
    const given = input.options(options, ROW, 'row');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    if (typeof values !== 'object' || values === null || Array.isArray(values)) throw input.wrongType(values, 'the values', 'an object');
    const names = Object.keys(values);
    // Nobody else's until it is given back: a getter among the values may hand over a row as well.
    let pairs = this.#pairs;
    this.#pairs = null;
    if (pairs === null || names.length * 2 > pairs.length) pairs = new Float64Array(Math.max(64, names.length * 2));
    let n = 0;
    for (let i = 0; i < names.length; i++) {
      const value = values[names[i]];
      if (value === undefined) continue;
      const index = this.#metric(names[i]);
      // Null is what was asked for and is not available.
      const number = typeof value === 'number' ? value : value === null ? NaN : this.#value(names[i], value);
      pairs[n++] = index;
      pairs[n++] = number;
    }
    this.#pairs = pairs;
    let packed;
    try {
      packed = this.#native.row(now, this.#instance(given.instance), at, n / 2, pairs);
    } catch (error) {
      throw translate(error);
    }
    // Ten bits for each count.
    const low = packed % 1073741824;
    const high = (packed - low) / 1073741824;
    return { stored: low & 1023, ignored: (low >> 10) & 1023, resolved: (low >> 20) & 1023, refused: high & 1023, unused: (high >> 10) & 1023 };
  }

  #value(name, value) {
    if (typeof value === 'string') {
      try {
        return this.#native.quantity(this.#metric(name), input.text(value, `the metric \`${name}\``));
      } catch (error) {
        throw translate(error);
      }
    }
    return input.number(value, `the metric \`${name}\``);
  }

  column(metric, times, values, options) {
    const given = input.options(options, ['now', 'instance'], 'column');
    const now = input.time(given.now, 'now');
    const index = this.#metric(metric);
    const at = input.times(times, 'times');
    const numbers = input.floats(values, 'values');
    try {
      const instance = this.#instance(given.instance);
      const taken = input.isBigInts(at)
        ? this.#native.column(now, instance, index, at, numbers)
        : this.#native.columnOfNumbers(now, instance, index, at, numbers);
      return acceptedOf(taken);
    } catch (error) {
      throw translate(error);
    }
  }

  event(metric, message, options) {
    const given = input.options(options, ROW, 'event');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    const index = this.#metric(metric);
    const text = input.text(message, 'message');
    try {
      return acceptedOf(this.#native.event(now, this.#instance(given.instance), index, at, text));
    } catch (error) {
      throw translate(error);
    }
  }

  observed(metric, options) {
    const given = input.options(options, ['now', 'until'], 'observed');
    const now = input.time(given.now, 'now');
    const until = given.until === undefined ? now : input.time(given.until, 'until');
    const index = this.#metric(metric);
    try {
      this.#native.observed(now, index, until);
    } catch (error) {
      throw translate(error);
    }
  }

  mark(mark, at) {
    const kind = input.word(mark, 'mark', ['restart', 'change']);
    const when = input.time(at, 'at');
    try {
      this.#native.mark(kind, when);
    } catch (error) {
      throw translate(error);
    }
  }

  end(instance, at, options = undefined) {
    const given = input.options(options, ['metric'], 'end');
    const name = input.text(instance, 'instance');
    const when = input.time(at, 'at');
    const metric = given.metric === undefined ? undefined : this.#metric(given.metric);
    try {
      this.#native.end(this.#instance(name), metric, when);
    } catch (error) {
      throw translate(error);
    }
  }

  #ask(work) {
    try {
      return JSON.parse(work());
    } catch (error) {
      throw translate(error);
    }
  }

  queries(now, options = undefined) {
    const given = input.options(options, ['look'], 'queries');
    const short = input.look(given.look);
    const at = input.time(now, 'now');
    return this.#ask(() => this.#native.queries(at, short));
  }

  readPrometheus(metric, body, options) {
    const given = input.options(options, ['now'], 'readPrometheus');
    const now = input.time(given.now, 'now');
    const name = input.text(metric, 'metric');
    const bytes = input.body(body, 'body');
    return this.#ask(() => this.#native.readPrometheus(now, name, bytes));
  }

  readFlinkMetrics(body, options) {
    const given = input.options(options, ROW, 'readFlinkMetrics');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    const instance = input.text(given.instance ?? '', 'instance');
    const bytes = input.body(body, 'body');
    return this.#ask(() => this.#native.readFlinkMetrics(now, instance, at, bytes));
  }

  readFlinkExceptions(metric, body, options) {
    const given = input.options(options, ['now', 'at'], 'readFlinkExceptions');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    const name = input.text(metric, 'metric');
    const bytes = input.body(body, 'body');
    return this.#ask(() => this.#native.readFlinkExceptions(now, name, at, bytes));
  }

  decide(now, options = undefined) {
    const short = options === undefined ? false : input.look(input.options(options, ['look'], 'decide').look);
    const at = input.time(now, 'now');
    try {
      return new Decision(this.#native.decide(at, short), this.#policy, this.id);
    } catch (error) {
      throw translate(error);
    }
  }

  nextLook(after) {
    const from = input.time(after, 'after');
    return this.#ask(() => this.#native.nextLook(from));
  }

  applied(instruction, options) {
    const given = input.options(options, ['now', 'at'], 'applied');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    const key = keyOf(instruction);
    try {
      this.#native.applied(now, key, at);
    } catch (error) {
      throw translate(error);
    }
  }

  failed(instruction, reason, options) {
    const given = input.options(options, ['now', 'at'], 'failed');
    const now = input.time(given.now, 'now');
    const at = given.at === undefined ? now : input.time(given.at, 'at');
    const key = keyOf(instruction);
    const why = input.text(reason, 'reason');
    try {
      this.#native.failed(now, key, at, why);
    } catch (error) {
      throw translate(error);
    }
  }

  get history() {
    return this.#ask(() => this.#native.history());
  }

  get counters() {
    return this.#ask(() => this.#native.counters());
  }

  get attributes() {
    return this.#ask(() => this.#native.attributes());
  }

  dispose() {
    this.#native.dispose();
  }

  toString() {
    return `task ${JSON.stringify(this.id)} under the ${this.#policy}`;
  }

  [Symbol.dispose]() {
    this.dispose();
  }
}

/** Names and values of labels. */
function labelPairs(labels) {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) throw input.wrongType(labels, 'the labels', 'an object');
  return Object.keys(labels).map((name) => [input.text(name, 'the name of a label'), input.text(labels[name], `the label \`${name}\``)]);
}

/** The key of an instruction, or the instruction. */
function keyOf(value) {
  if (value instanceof Instruction) return value.key;
  if (typeof value === 'string') return input.text(value, 'instruction');
  if (value === null) throw new InputError('the decision has no instruction to report on', 'no_instruction');
  throw input.wrongType(value, 'instruction', 'an Instruction or its key');
}

module.exports = { Task, adopt, labelPairs, nativeTask, shadowed };
