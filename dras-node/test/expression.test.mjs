import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Expression, ExpressionError, FALSE, InputError, InputTypeError, TRUE, UNDEFINED, errorCodes, formatExpression, functions, parseQuantity, schema } from 'dras';
import { throws } from './support.mjs';

const hot = () => new Expression('cpu > 80% && lag > 5m', { cpu: 'ratio', lag: 'ms' });

test('conditions, numbers and texts', () => {
  assert.deepEqual([hot().type, hot().used], ['bool', ['cpu', 'lag']]);
  assert.equal(hot().evaluate({ cpu: 0.91, lag: 412_000 }), true);
  assert.equal(hot().evaluate({ cpu: 0.91, lag: '6m' }), true);
  assert.equal(hot().evaluate({ cpu: 0.91, lag: 300_001n }), true);
  assert.equal(hot().evaluate({ cpu: 0.41 }), false);
  for (const lag of [null, undefined, NaN, Infinity]) assert.equal(hot().evaluate({ cpu: 0.91, lag }), undefined);
  const size = new Expression('ceil(parallelism * (cpu / target))', ['parallelism', 'cpu', 'target']);
  assert.equal(size.evaluate({ parallelism: 4, cpu: 0.9, target: 0.6 }), 6);
  assert.equal(size.evaluate({ parallelism: 4, cpu: 0.9, target: 0 }), undefined);
  const name = new Expression("big ? lower(kind) : 'none'", { big: 'bool', kind: 'text' });
  assert.deepEqual([name.type, name.evaluate({ big: true, kind: 'SQL' }), name.evaluate({ big: false, kind: 'é😀' })], ['text', 'sql', 'none']);
  const oom = new Expression("exception =~ 'OutOfMemoryError'", { exception: 'text' });
  assert.equal(oom.evaluate({ exception: 'java.lang.OutOfMemoryError: Java heap space 😀' }), true);
  assert.equal(oom.evaluate({ exception: null }), undefined);
});

test('rows are the fast way to the same', () => {
  const row = Float64Array.of(0.91, 412_000);
  assert.equal(hot().evaluateRow(row), true);
  row[1] = NaN;
  assert.equal(hot().evaluateRow(row), undefined);
  assert.equal(new Expression('a / b', ['a', 'b']).evaluateRow(Float64Array.of(1, 0)), undefined);
  throws(() => hot().evaluateRow(new Float64Array(3)), InputError, 'row_length', /3 values, and the expression 2 variables/);
  throws(() => hot().evaluateRow([0.9, 1]), InputTypeError, 'type', /Float64Array, not an array/);
});

test('columns agree with single rows', () => {
  const expression = new Expression('cpu > 0.8 && lag > 60000 || used / max > 0.9', ['cpu', 'lag', 'used', 'max']);
  const rows = 1000;
  const columns = {};
  let seed = 7;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (const [name, scale] of [['cpu', 1], ['lag', 120_000], ['used', 1], ['max', 1]]) {
    columns[name] = Float64Array.from({ length: rows }, () => (next() < 0.1 ? NaN : Math.floor(next() * 10) / 10 * scale));
  }
  const truths = expression.evaluateColumns(columns);
  assert.ok(truths instanceof Uint8Array && truths.length === rows);
  const seen = new Set(truths);
  assert.deepEqual([...seen].sort(), [FALSE, TRUE, UNDEFINED]);
  for (let i = 0; i < rows; i++) {
    const values = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]]));
    assert.equal(truths[i], { false: FALSE, true: TRUE, undefined: UNDEFINED }[String(expression.evaluate(values))]);
  }
  const numbers = new Expression('lag / 2', { lag: 'ms' }).evaluateColumns({ lag: Float64Array.of(3000, NaN) });
  assert.ok(numbers instanceof Float64Array && numbers[0] === 1.5 && Number.isNaN(numbers[1]));
  throws(() => expression.evaluateColumns({ cpu: new Float64Array(2), lag: new Float64Array(3) }), InputError, 'column_length');
  throws(() => expression.evaluateColumns({}), InputError, 'column_length');
  throws(() => expression.evaluateColumns({ cpu: [1] }), InputTypeError, 'type');
  assert.equal(expression.evaluateColumns({ cpu: new Float64Array(0) }).length, 0);

  const into = new Uint8Array(rows).fill(9);
  assert.equal(expression.evaluateColumns(columns, into), into);
  assert.deepEqual(into, truths);
  const half = new Float64Array(2);
  assert.equal(new Expression('lag / 2', { lag: 'ms' }).evaluateColumns({ lag: Float64Array.of(3000, NaN) }, half), half);
  assert.deepEqual(half, numbers);
  throws(() => expression.evaluateColumns(columns, new Float64Array(rows)), InputTypeError, 'type');
  throws(() => expression.evaluateColumns(columns, new Uint8Array(3)), InputError, 'column_length');
  throws(() => expression.evaluateColumns(columns, new Uint8Array(new SharedArrayBuffer(rows))), InputError, 'shared');
  throws(() => expression.evaluateColumns(columns, new Uint8Array(columns.cpu.buffer, 0, rows)), InputError, 'overlap');
  const gone = new Uint8Array(rows);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  throws(() => expression.evaluateColumns(columns, gone), InputError, 'detached');
  throws(() => new Expression("'a'", ['x']).evaluateColumns({ x: half }), InputTypeError, 'type');
  throws(() => new Expression("kind == 'a'", { kind: 'text' }).evaluateRow(Float64Array.of(1)), InputTypeError, 'type');
});

test('explanations say why', () => {
  const explanation = hot().explain({ cpu: 0.91, lag: null });
  assert.equal(explanation.value, undefined);
  assert.match(explanation.undefined, /the source had no value/);
  assert.match(String(explanation), /cpu = 0\.91 > 80% → true/);
  const wide = new Expression("kind == 'é😀' && cpu > 1", { kind: 'text', cpu: 'number' });
  const part = wide.explain({ kind: 'x', cpu: 2 }).parts.find((p) => p.text === 'cpu > 1');
  assert.equal(wide.source.slice(part.span.start, part.span.end), 'cpu > 1');
});

test('mistakes are told all at once', () => {
  assert.throws(() => new Expression('cpuu > 1 && lag > 5', { cpu: 'ratio', lag: 'ms' }), (error) => {
    assert.ok(error instanceof ExpressionError);
    assert.deepEqual(error.diagnostics.map((d) => d.code), ['E0201', 'E0303']);
    return true;
  });
  throws(() => new Expression('a', { a: 'parsec' }), InputError, 'unknown_unit', /the variable `a`/);
  throws(() => new Expression('a', { 'a b': 'number' }), InputError, 'name');
  throws(() => new Expression('a', ['a', 'a']), InputError, 'name', /declared twice/);
});

test('what a variable cannot hold is refused', () => {
  throws(() => hot().evaluate({ cpu: true }), InputTypeError, 'type', /the variable `cpu` must be a number, .*, not true/);
  throws(() => hot().evaluate({ cpu: '5m', lag: 1 }), InputError, 'unit');
  throws(() => hot().evaluate({ cpu: 'much', lag: 1 }), InputError, 'quantity');
  throws(() => hot().evaluate({ cpu: 2n ** 70n, lag: 1 }), InputError, 'number_too_large');
  throws(() => hot().evaluate(null), InputTypeError, 'type');
  throws(() => hot().evaluate([1, 2]), InputTypeError, 'type');
  throws(() => new Expression('b', { b: 'bool' }).evaluate({ b: 1 }), InputTypeError, 'type');
  throws(() => new Expression('b', { b: 'bool' }).evaluate({ b: 'true' }), InputTypeError, 'type');
  throws(() => new Expression('t', { t: 'text' }).evaluate({ t: 1 }), InputTypeError, 'type');
  const failing = { get cpu() { throw new RangeError('mine'); } };
  assert.throws(() => hot().evaluate(failing), RangeError);
  assert.equal(hot().evaluate({ cpu: 0.91, lag: 412_000 }), true);
});

test('an evaluation inside of another does not disturb it', () => {
  const outer = hot();
  assert.equal(outer.evaluate({ get cpu() { outer.evaluate({ cpu: 0, lag: 0 }); return 0.91; }, lag: 412_000 }), true);
  assert.equal(outer.evaluate({ cpu: 0.91, get lag() { outer.evaluate({ cpu: 0, lag: 0 }); return 412_000; } }), true);
});

test('a row inside of an evaluation does not disturb it', () => {
  const outer = hot();
  const row = Float64Array.of(0, 0);
  assert.equal(outer.evaluate({ cpu: 0.91, get lag() { assert.equal(outer.evaluateRow(row), false); return 412_000; } }), true);
  assert.equal(outer.evaluateRow(Float64Array.of(0.91, 412_000)), true);
});

test('about the language', () => {
  assert.equal(formatExpression('cpu>80%&&(lag>5m)'), 'cpu > 80% && lag > 5m');
  assert.throws(() => formatExpression('cpu >'), ExpressionError);
  assert.deepEqual(parseQuantity('1h30m'), { value: 5400, unit: 's' });
  assert.deepEqual(parseQuantity('2GiB'), { value: 2 * 2 ** 30, unit: 'B' });
  throws(() => parseQuantity('5min'), InputError, 'quantity', /write `5m`/);
  assert.ok(functions().length > 60 && functions().every((f) => f.doc && f.signature.startsWith(f.name)));
  assert.ok(errorCodes().some((c) => c.code === 'E0201' && c.severity === 'error' && c.explanation));
  assert.equal(schema().properties.version.const, 1);
  assert.equal(schema(), schema());
});
