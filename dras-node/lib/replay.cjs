'use strict';

const native = require('./native.cjs');
const { translate } = require('./errors.cjs');
const { freeze } = require('./freeze.cjs');
const input = require('./input.cjs');
const { nativePolicy } = require('./policy.cjs');
const { labelPairs } = require('./task.cjs');
const { flinkEntries } = require('./instruction.cjs');
const { Decision } = require('./decision.cjs');

/** How often progress is told, in ms. */
const BREATH = 100;

const handles = new WeakMap();

class Recording {
  #native;

  constructor(task, options = undefined) {
    const id = input.text(task, 'task');
    const given = input.options(options, ['labels'], 'new Recording');
    const labels = given.labels === undefined ? [] : labelPairs(given.labels);
    this.#native = new native.NativeRecording(id, labels.flat());
    Object.defineProperty(this, 'task', { value: id, enumerable: true });
    handles.set(this, this.#native);
  }

  #do(work) {
    try {
      return work();
    } catch (error) {
      throw translate(error);
    }
  }

  get span() {
    const span = this.#do(() => this.#native.span());
    return span === null ? null : { from: span[0], to: span[1] };
  }

  series(metric, times, values, options = undefined) {
    const given = input.options(options, ['instance'], 'series');
    const name = input.text(metric, 'metric');
    const instance = input.text(given.instance ?? '', 'instance');
    const at = input.times(times, 'times');
    const numbers = input.floats(values, 'values');
    this.#do(() =>
      input.isBigInts(at) ? this.#native.series(name, instance, at, numbers) : this.#native.seriesOfNumbers(name, instance, at, numbers),
    );
  }

  event(metric, message, options) {
    const given = input.options(options, ['at', 'instance'], 'event');
    const at = input.time(given.at, 'at');
    const [name, text, instance] = [input.text(metric, 'metric'), input.text(message, 'message'), input.text(given.instance ?? '', 'instance')];
    this.#do(() => this.#native.event(name, instance, at, text));
  }

  mark(mark, at) {
    const kind = input.word(mark, 'mark', ['restart', 'change']);
    const when = input.time(at, 'at');
    this.#do(() => this.#native.mark(kind, when));
  }

  set(attributes, at) {
    const when = input.time(at, 'at');
    if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
      throw input.wrongType(attributes, 'the attributes', 'an object');
    }
    const all = [];
    for (const name of Object.keys(attributes)) {
      const value = attributes[name];
      const what = `the attribute \`${name}\``;
      input.text(name, 'the name of an attribute');
      if (value === undefined) continue;
      if (typeof value === 'boolean') all.push([name, value]);
      else if (typeof value === 'string') all.push([name, input.text(value, what)]);
      else all.push([name, input.number(value, what)]);
    }
    this.#do(() => {
      for (const [name, value] of all) this.#native.attribute(name, value, when);
    });
  }

  setFlinkConfiguration(configuration, at) {
    const entries = Object.entries(flinkEntries(configuration)).flat();
    const when = input.time(at, 'at');
    this.#do(() => this.#native.flinkConfiguration(entries, when));
  }

  dispose() {
    this.#native.dispose();
  }

  [Symbol.dispose]() {
    this.dispose();
  }
}

class Replay {
  #native;
  #policy;
  #task;
  #made = [];

  constructor(replay, policy, task) {
    if (!(replay instanceof native.NativeReplay)) throw new TypeError('replays are made by replay');
    this.#native = replay;
    this.#policy = policy;
    this.#task = task;
    Object.defineProperty(this, 'summary', { value: freeze(JSON.parse(replay.summary())), enumerable: true });
    Object.defineProperty(this, 'length', { value: replay.length(), enumerable: true });
  }

  decision(index) {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined;
    this.#made[index] ??= new Decision(this.#native.decision(index), this.#policy, this.#task);
    return this.#made[index];
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.length; i++) yield this.decision(i);
  }
}

async function replay(policy, recording, options = undefined) {
  const given = input.options(options, ['from', 'to', 'follow', 'keep', 'signal', 'onProgress'], 'replay');
  const handle = nativePolicy(policy);
  const recorded = typeof recording === 'object' && recording !== null ? handles.get(recording) : undefined;
  if (recorded === undefined) throw input.wrongType(recording, 'the recording', 'a Recording');
  const from = given.from === undefined ? undefined : input.time(given.from, 'from');
  const to = given.to === undefined ? undefined : input.time(given.to, 'to');
  const follow = given.follow === undefined ? undefined : input.duration(given.follow, 'follow');
  const all = input.keep(given.keep);
  const { onProgress } = given;
  if (onProgress !== undefined && typeof onProgress !== 'function') throw input.wrongType(onProgress, 'onProgress', 'a function');

  const progress = new native.NativeProgress();
  // What `onProgress` throws ends the replay.
  let thrown;
  const done = await input.work(given.signal, async (cancel) => {
    const tell = (share) => {
      try {
        onProgress(share);
      } catch (error) {
        thrown ??= { error };
        cancel.cancel();
      }
    };
    const timer = onProgress === undefined ? undefined : setInterval(() => tell(progress.share()), BREATH);
    try {
      const replayed = await recorded.replay(handle, from, to, follow, all, cancel, progress);
      if (onProgress !== undefined && thrown === undefined) tell(1);
      return replayed;
    } catch (error) {
      if (thrown === undefined) throw error;
      return undefined;
    } finally {
      clearInterval(timer);
    }
  });
  if (thrown !== undefined) throw thrown.error;
  return new Replay(done, policy, recording.task);
}

module.exports = { Recording, Replay, replay };
