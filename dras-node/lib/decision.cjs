'use strict';

const { inspect } = require('node:util');
const native = require('./native.cjs');
const { freeze } = require('./freeze.cjs');
const { translate } = require('./errors.cjs');
const { Instruction } = require('./instruction.cjs');

const EMPTY = Object.freeze([]);
const FLAGS = ['changes', 'held', 'alerts', 'external', 'instruction', 'matters', 'fired', 'undefined', 'short', 'guards', 'memory'];
const BIT = Object.fromEntries(FLAGS.map((name, i) => [name, 1 << i]));

class Decision {
  #native;
  #task;
  #at;
  #seen = -1;
  #report;
  #instruction;
  #policy;

  constructor(handle, policy, task) {
    if (!(handle instanceof native.NativeDecision)) throw new TypeError('decisions are made by Task.decide and Fleet.decide');
    this.#native = handle;
    this.#policy = policy;
    this.#task = task;
  }

  /** What is in it, in bits. */
  get #flags() {
    if (this.#seen < 0) this.#seen = this.#native.flags();
    return this.#seen;
  }

  get task() {
    return this.#task;
  }

  get at() {
    this.#at ??= this.#native.at();
    return this.#at;
  }

  get look() {
    return this.#flags & BIT.short ? 'short' : 'long';
  }

  /** Made when something of it is asked for, which for most decisions nothing is. */
  #data() {
    if (this.#report === undefined) {
      try {
        this.#report = freeze(JSON.parse(this.#native.report()));
      } catch (error) {
        throw translate(error);
      }
    }
    return this.#report;
  }

  #list(name) {
    return this.#flags & BIT[name] ? this.#data()[name] : EMPTY;
  }

  get matters() {
    return (this.#flags & BIT.matters) !== 0;
  }

  get anyFired() {
    return (this.#flags & BIT.fired) !== 0;
  }

  get anyUndefined() {
    return (this.#flags & BIT.undefined) !== 0;
  }

  get changes() {
    return this.#list('changes');
  }

  get held() {
    return this.#list('held');
  }

  get alerts() {
    return this.#list('alerts');
  }

  get external() {
    return this.#list('external');
  }

  get guards() {
    return this.#list('guards');
  }

  get memory() {
    return this.#list('memory');
  }

  get instruction() {
    if (!(this.#flags & BIT.instruction)) return null;
    this.#instruction ??= new Instruction(JSON.parse(this.#native.instruction()));
    return this.#instruction;
  }

  get states() {
    const states = JSON.parse(this.#native.states());
    return Object.fromEntries(this.#policy.rules.map((rule, i) => [rule.name, states[i]]));
  }

  get rules() {
    return this.#data().rules;
  }

  get inputs() {
    return this.#data().inputs;
  }

  get mode() {
    return this.#data().mode;
  }

  get policy() {
    return this.#policy;
  }

  get time() {
    return new Date(this.at);
  }

  explain() {
    return this.#native.explain();
  }

  json() {
    return this.#native.json();
  }

  toJSON() {
    return this.#data();
  }

  toString() {
    return this.explain();
  }

  [inspect.custom]() {
    return this.explain();
  }
}

module.exports = { Decision };
