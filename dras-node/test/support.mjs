// What several tests use.

import assert from 'node:assert/strict';
import { Policy, Task } from 'dras';

/** A moment. */
export const NOW = Date.parse('2027-01-15T08:00:00Z');

/** A document with metrics of all kinds. */
export const DOCUMENT = {
  version: 1,
  name: 'etl',
  metrics: {
    cpu: { unit: 'percent', per: 'task_manager', range: [0, 1], query: 'flink_cpu{{{labels}}}', flink: 'Status.JVM.CPU.Load', instance_label: 'tm_id' },
    delay: { unit: 'ms', per: 'subtask', across: 'max' },
    exceptions: { kind: 'event' },
  },
  attributes: { team: { type: 'text' }, quota: { type: 'number', unit: 'ms' }, batch: { type: 'bool' } },
  rules: [
    { name: 'busy', when: 'avg(cpu[5m]) > 80%', then: { parallelism: 'scale_to(parallelism, avg(cpu[5m]), 60%)' } },
    { name: 'late', when: 'min(delay[3m]) > 1m', then: { parallelism: 'parallelism * 2' } },
    { name: 'oom', when: "count(exceptions[30m] =~ 'OutOfMemoryError') > 0", alert: 'out of memory' },
  ],
  limits: { parallelism: { min: 1, max: 16 } },
};

export const policy = (more = {}) => new Policy({ ...DOCUMENT, ...more });

/** A task of that document, busy for five minutes. */
export function busy(of = policy(), id = 'orders') {
  const task = new Task(of, id, { attributes: { parallelism: 4, task_managers: 2 } });
  for (let age = 20; age >= 0; age--) {
    const at = NOW - age * 15_000;
    task.row({ cpu: 86 }, { now: at, instance: 'tm-1' });
    task.row({ cpu: 94 }, { now: at, instance: 'tm-2' });
  }
  return task;
}

/** Asserts that `work` throws an error of this class with this code, and text. */
export function throws(work, Class, code, text) {
  assert.throws(work, (error) => is(error, Class, code, text));
}

export const rejects = (promise, Class, code, text) => assert.rejects(promise, (error) => is(error, Class, code, text));

function is(error, Class, code, text) {
  assert.ok(error instanceof Class, `${error?.constructor?.name}: ${error?.message}`);
  assert.equal(error.constructor, Class);
  assert.equal(error.name, Class.name);
  assert.equal(error.code, code, error.message);
  if (text !== undefined) assert.match(error.message, text);
  return true;
}
