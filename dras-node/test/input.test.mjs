// Bad input of every kind is an exception of the package's own classes, the process stays, and so does the object.

import assert from 'node:assert/strict';
import { createContext, runInContext } from 'node:vm';
import { test } from 'node:test';
import { Decision, DrasError, Expression, Fleet, InputError, InputTypeError, Library, Policy, PolicyError, Task, TaskError } from 'dras';
import { DOCUMENT, NOW, busy, policy, throws } from './support.mjs';

const at = (path, value) => {
  const copy = structuredClone(DOCUMENT);
  let inner = copy;
  for (const key of path.slice(0, -1)) inner = inner[key];
  inner[path.at(-1)] = value;
  return copy;
};

test('what is no plain data is not a document', () => {
  for (const value of [undefined, null, 1, 1n, true, Symbol('x'), () => 1]) throws(() => new Policy(value), InputTypeError, 'type');
  for (const value of [new Map(), new Date(), new Set(), /x/, new (class Rules {})(), Promise.resolve(), new Float64Array(2), Object.create({ version: 1 })]) {
    throws(() => new Policy(value), InputTypeError, 'type');
    throws(() => new Policy(at(['limits'], value)), InputTypeError, 'type', /the document: limits must be plain data/);
  }
  for (const value of [() => 1, Symbol('x')]) throws(() => new Policy(at(['rules', 0, 'when'], value)), InputTypeError, 'type', /rules\[0\]\.when/);
  for (const value of [NaN, Infinity]) throws(() => new Policy(at(['limits', 'parallelism', 'max'], value)), InputError, 'number', /limits\.parallelism\.max/);
  throws(() => new Policy(at(['limits', 'parallelism', 'max'], 2n ** 64n)), InputError, 'number_too_large');
  throws(() => new Policy({ version: 1, [Symbol('x')]: 1 }), InputError, 'symbol');
  assert.equal(new Policy(at(['limits', 'parallelism', 'max'], 16n)).fingerprint, policy().fingerprint);
  assert.equal(new Policy({ ...DOCUMENT, doc: undefined }).fingerprint, policy().fingerprint);
  throws(() => new Policy({ version: 1, rules: [undefined] }), InputTypeError, 'type', /rules\[0\]/);
  // eslint-disable-next-line no-sparse-arrays
  throws(() => new Policy({ version: 1, rules: [, {}] }), InputTypeError, 'type');
});

test('circles, depth and size end', () => {
  const circle = { version: 1, rules: [] };
  circle.rules.push(circle);
  throws(() => new Policy(circle), InputError, 'circular', /rules\[0\] is a circle/);
  const list = [];
  list.push(list);
  throws(() => new Policy({ version: 1, rules: list }), InputError, 'circular');
  let deep = {};
  for (let i = 0; i < 100_000; i++) deep = { deep };
  throws(() => new Policy(deep), InputError, 'too_deep');
  let text = '';
  for (let i = 0; i < 100_000; i++) text += '[';
  assert.throws(() => new Policy(text), PolicyError);
  assert.throws(() => new Policy(Buffer.alloc(8 << 20, 0x20)), PolicyError);
  assert.throws(() => new Expression('('.repeat(100_000)), DrasError);
  assert.throws(() => new Expression('a'.repeat(1 << 20), ['a']), DrasError);
  // The same object twice is no circle.
  const rule = { parallelism: '2' };
  new Policy({ version: 1, rules: ['a', 'b'].map((name) => ({ name, when: 'uptime > 1m', then: rule })) });
});

test('tricks with prototypes', () => {
  const own = JSON.parse('{"version": 1, "__proto__": {"rules": []}}');
  assert.throws(() => new Policy(own), (error) => error instanceof PolicyError && error.diagnostics.some((d) => d.message.includes('__proto__')));
  assert.throws(() => new Policy('{"version": 1, "constructor": {}, "__proto__": 1}'), (error) => error instanceof PolicyError && error.diagnostics.length === 2);
  throws(() => new Policy({ __proto__: { version: 1 } }), InputTypeError, 'type');
  const bare = Object.assign(Object.create(null), DOCUMENT);
  assert.equal(new Policy(bare).fingerprint, policy().fingerprint);
  const named = JSON.parse('{"version": 1, "metrics": {"__proto__": {}, "toString": {}}, "rules": [{"name": "a", "when": "toString > 1", "alert": "x"}]}');
  const odd = new Policy(named);
  const task = new Task(odd, '__proto__');
  assert.equal(task.row(JSON.parse('{"__proto__": 1, "toString": 2}'), { now: NOW }).stored, 1);
  assert.equal(task.decide(NOW).states.a, 'fired');
  throws(() => task.row({ constructor: 1 }, { now: NOW }), TaskError, 'unknown_metric');
  throws(() => task.set(JSON.parse('{"__proto__": 1}')), TaskError, 'unknown_attribute');
  const expression = new Expression('constructor > 1', ['constructor']);
  assert.equal(expression.evaluate({ constructor: 2 }), true);
  // Objects of another realm are plain as well.
  const foreign = runInContext(`(${JSON.stringify(DOCUMENT)})`, createContext());
  assert.equal(new Policy(foreign).fingerprint, policy().fingerprint);
  assert.equal(Object.prototype.rules, undefined);
});

test("errors of the caller's own getters, proxies and iterators come through", () => {
  const mine = new RangeError('mine');
  const failing = () => { throw mine; };
  const is = (error) => error === mine;
  const task = busy();
  const before = task.snapshot();
  assert.throws(() => new Policy({ version: 1, get rules() { return failing(); } }), is);
  assert.throws(() => new Policy(new Proxy({}, { ownKeys: failing })), is);
  assert.throws(() => task.row({ get cpu() { return failing(); } }, { now: NOW, instance: 'tm-1' }), is);
  assert.throws(() => task.row({ cpu: 1 }, { get now() { return failing(); } }), is);
  assert.throws(() => task.set({ parallelism: 8, get team() { return failing(); } }), is);
  assert.throws(() => new Fleet(policy(), { [Symbol.iterator]: failing }), is);
  assert.throws(() => task.readPrometheus('cpu', { get status() { return failing(); } }, { now: NOW }), is);
  assert.ok(task.snapshot().equals(before));
});

test('a getter that uses the task does not disturb the call', () => {
  const task = busy();
  const accepted = task.row({ cpu: 86, get delay() { task.row({ cpu: 1, delay: 5 }, { now: NOW + 1, instance: 'tm-9' }); return 7; } }, { now: NOW + 1, instance: 'tm-1' });
  assert.equal(accepted.stored, 2);
  const other = busy();
  other.row({ cpu: 1, delay: 5 }, { now: NOW + 1, instance: 'tm-9' });
  other.row({ cpu: 86, delay: 7 }, { now: NOW + 1, instance: 'tm-1' });
  assert.equal(other.decide(NOW + 1).json(), task.decide(NOW + 1).json());
});

test('wrong types of every argument', () => {
  const task = busy();
  const before = task.snapshot();
  const bad = [null, 'x', {}, [], true, Symbol('x'), () => 1];
  for (const value of bad) {
    throws(() => task.decide(value), InputTypeError, 'type', /^now must be/);
    throws(() => task.nextLook(value), InputTypeError, 'type');
    throws(() => task.mark('restart', value), InputTypeError, 'type');
    throws(() => task.row({ cpu: 1 }, { now: value }), InputTypeError, 'type');
  }
  for (const value of [NaN, Infinity, new Date(NaN), 2n ** 80n, -(2n ** 63n)]) throws(() => task.decide(value), InputError, 'time');
  throws(() => task.decide(1e300), InputError, 'time');
  throws(() => task.row({ cpu: 1 }), InputTypeError, 'type', /^now must be/);
  throws(() => task.row({ cpu: 1 }, { now: NOW, instnace: 'x' }), InputError, 'unknown_option', /no option `instnace`; there are now, at, instance/);
  throws(() => task.row(5, { now: NOW }), InputTypeError, 'type');
  throws(() => task.row([['cpu', 1]], { now: NOW }), InputTypeError, 'type');
  for (const value of [true, {}, [1], Symbol('x'), new Date()]) throws(() => task.row({ cpu: value }, { now: NOW, instance: 'tm-1' }), InputTypeError, 'type', /the metric `cpu`/);
  throws(() => task.row({ cpu: '5m' }, { now: NOW, instance: 'tm-1' }), InputError, 'unit');
  throws(() => task.row({ cpu: 2n ** 60n + 1n }, { now: NOW, instance: 'tm-1' }), InputError, 'number_too_large');
  throws(() => task.row({ cpu: 1 }, { now: NOW, instance: 5 }), InputTypeError, 'type');
  throws(() => task.row({ cpu: 1 }, { now: NOW, instance: 'x'.repeat(5000) }), TaskError, 'too_long');
  throws(() => task.row({ exceptions: 1 }, { now: NOW }), TaskError, 'not_a_number_metric');
  throws(() => task.event('cpu', 'text', { now: NOW }), TaskError, 'not_an_event_metric');
  throws(() => task.event('exceptions', 5, { now: NOW }), InputTypeError, 'type');
  throws(() => task.event('exceptions', '\ud800', { now: NOW }), InputError, 'not_well_formed');
  throws(() => task.mark('reboot', NOW), InputError, 'unknown_word');
  throws(() => task.decide(NOW, { look: 'quick' }), InputError, 'unknown_word');
  throws(() => task.applied(null, { now: NOW }), InputError, 'no_instruction');
  throws(() => task.applied({}, { now: NOW }), InputTypeError, 'type');
  throws(() => task.setLabels({ a: 1 }), InputTypeError, 'type');
  throws(() => task.setLabels({ a: 'x'.repeat(100_000) }), TaskError, 'too_long');
  throws(() => task.setFlinkConfiguration([['a', 'b']]), InputTypeError, 'type');
  throws(() => task.setFlinkConfiguration({ a: {} }), InputTypeError, 'type');
  throws(() => task.set({ parallelism: {} }), InputTypeError, 'type');
  throws(() => task.set({ parallelism: 'four' }), InputError, 'quantity');
  throws(() => task.set({ parallelism: '5m' }), InputError, 'unit');
  throws(() => task.readPrometheus('cpu', 5, { now: NOW }), InputTypeError, 'type');
  throws(() => task.readPrometheus('cpu', null, { now: NOW }), InputTypeError, 'type');
  throws(() => new Task({}, 'x'), InputTypeError, 'type', /must be a Policy/);
  throws(() => new Task(Object.create(Policy.prototype), 'x'), InputTypeError, 'type');
  throws(() => new Task(policy(), 5), InputTypeError, 'type');
  throws(() => new Task(policy(), 'x'.repeat(100_000)), TaskError, 'too_long');
  throws(() => new Expression(5), InputTypeError, 'type');
  throws(() => new Expression('\udfff'), InputError, 'not_well_formed');
  throws(() => new Library([5]), InputTypeError, 'type');
  assert.throws(() => new Decision({}), TypeError);
  for (const [method, args] of [['decide', [NOW]], ['row', [{ cpu: 1 }, { now: NOW }]], ['snapshot', []], ['dispose', []]]) {
    assert.throws(() => Task.prototype[method].apply({}, args), TypeError);
  }
  assert.throws(() => Task(policy(), 'x'), TypeError);
  assert.ok(task.snapshot().equals(before));
});

test('columns of another kind, and what says that it is one', () => {
  const task = busy();
  const before = task.snapshot();
  throws(() => task.column('cpu', BigInt64Array.of(1n), new Float64Array(2), { now: NOW, instance: 'tm-1' }), TaskError, 'column_length');
  throws(() => task.column('cpu', Float64Array.of(NaN), new Float64Array(1), { now: NOW, instance: 'tm-1' }), InputError, 'time', /times\[0\]/);
  throws(() => task.column('nothing', BigInt64Array.of(1n), new Float64Array(1), { now: NOW }), TaskError, 'unknown_metric');
  for (const times of [[1], new Uint32Array(1), new BigUint64Array(1), new DataView(new ArrayBuffer(8)), null]) {
    throws(() => task.column('cpu', times, new Float64Array(1), { now: NOW }), InputTypeError, 'type', /^times must be/);
  }
  for (const values of [[1], new Float32Array(1), new BigInt64Array(1), {}, undefined]) {
    throws(() => task.column('cpu', BigInt64Array.of(1n), values, { now: NOW }), InputTypeError, 'type', /^values must be a Float64Array/);
  }
  // What says that it is an array, and is none.
  const liar = Object.create(Float64Array.prototype);
  throws(() => task.column('cpu', BigInt64Array.of(1n), liar, { now: NOW }), InputTypeError, 'type');
  throws(() => task.column('cpu', BigInt64Array.of(1n), new Float64Array(2), { now: NOW, instance: 'new' }), TaskError, 'column_length');
  throws(() => task.column('exceptions', BigInt64Array.of(1n), new Float64Array(1), { now: NOW, instance: 'new' }), TaskError, 'not_a_number_metric');
  throws(() => task.column('cpu', BigInt64Array.of(1n), new Float64Array(1), { now: NOW - 1, instance: 'new' }), TaskError, 'time_went_back');
  assert.ok(task.snapshot().equals(before), 'not even an empty instance is left behind');
});

test('detached, resized and shared memory', () => {
  const task = busy();
  const before = task.snapshot();
  const fresh = () => Float64Array.of(1, 2, 3, 4);
  const times = BigInt64Array.from([1, 2, 3, 4], (i) => BigInt(NOW - i));
  const detached = fresh();
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const none = new BigInt64Array(0);
  throws(() => task.column('cpu', none, detached, { now: NOW }), InputError, 'detached', /the memory of values is gone/);
  throws(() => task.column('cpu', times, detached, { now: NOW }), InputError, 'detached');
  const gone = BigInt64Array.of(1n);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  throws(() => task.column('cpu', gone, new Float64Array(0), { now: NOW }), InputError, 'detached');

  const resizable = new ArrayBuffer(32, { maxByteLength: 64 });
  const fixed = new Float64Array(resizable, 8, 3);
  resizable.resize(16);
  throws(() => task.column('cpu', none, fixed, { now: NOW }), InputError, 'detached');
  const tracking = new Float64Array(resizable);
  assert.equal(task.column('cpu', times.subarray(0, 2), tracking, { now: NOW, instance: 'tm-5' }).stored, 2);
  resizable.resize(64);
  throws(() => task.column('cpu', times, tracking, { now: NOW, instance: 'tm-5' }), TaskError, 'column_length');

  const shared = new Float64Array(new SharedArrayBuffer(32));
  shared.set(fresh());
  const sharedTimes = new BigInt64Array(new SharedArrayBuffer(32));
  sharedTimes.set(times);
  assert.equal(task.column('cpu', sharedTimes, shared, { now: NOW, instance: 'tm-6' }).stored, 4);
  assert.equal(task.column('cpu', times, fresh(), { now: NOW, instance: 'tm-6' }).ignored, 4);
  assert.equal(task.column('cpu', times.subarray(1, 3), fresh().subarray(1, 3), { now: NOW, instance: 'tm-7' }).stored, 2);

  const expression = new Expression('a > 1', ['a']);
  throws(() => expression.evaluateColumns({ a: detached }), InputError, 'detached');
  throws(() => expression.evaluateRow(detached), InputError, 'detached');
  assert.deepEqual([...expression.evaluateColumns({ a: shared })], [0, 1, 1, 1]);

  const bytes = Buffer.from(before);
  const body = new Uint8Array(bytes);
  structuredClone(body.buffer, { transfer: [body.buffer] });
  throws(() => Task.restore(task.policy, body), InputError, 'detached');
  throws(() => Task.restore(task.policy, body.buffer), InputError, 'detached');
  throws(() => new Policy(body), InputError, 'detached');
  throws(() => Task.restore(task.policy, 'text'), InputTypeError, 'type');
});

test('prototypes that somebody else has changed do not matter', () => {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length');
  const array = Float64Array.of(1);
  Object.defineProperty(array, 'length', { value: 1_000_000 });
  Object.defineProperty(array, 'buffer', { value: null });
  assert.equal(get.call(array), 1);
  const task = new Task(policy(), 'x');
  assert.equal(task.column('cpu', BigInt64Array.of(BigInt(NOW)), array, { now: NOW }).stored, 1);
});

test('what is made and thrown thousands of times does not stay', { skip: typeof gc !== 'function' }, async () => {
  const of = policy();
  const times = BigInt64Array.from({ length: 500 }, (_, i) => BigInt(NOW - 1000 * i));
  const values = new Float64Array(500).fill(50);
  const round = async () => {
    for (let i = 0; i < 500; i++) {
      const task = new Task(of, `t${i}`);
      assert.throws(() => task.row({ nothing: 1 }, { now: NOW }), TaskError);
      task.column('cpu', times, values, { now: NOW, instance: 'tm-1' });
      if (i % 10 === 0) assert.throws(() => new Policy({ version: 2 }), PolicyError);
      if (i % 10 === 0) new Expression('a > 1', ['a']).evaluateRow(Float64Array.of(i));
      task.decide(NOW).explain();
    }
    // What the addon holds goes in turns of the event loop after the collector has found it, in as many as it takes.
    for (let turn = 0; turn < 3; turn++) {
      gc();
      await new Promise(setImmediate);
    }
  };
  for (let i = 0; i < 4; i++) await round();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 12; i++) await round();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  // 6000 tasks of tens of kilobytes each would be hundreds.
  assert.ok(grown < 40, `${grown.toFixed(1)} MiB more`);
});
