// What could take the process along, each in a process of its own: it must end by itself, without a signal, with an exception that was caught.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const BEGIN = `
  import assert from 'node:assert/strict';
  import { once } from 'node:events';
  import { Worker } from 'node:worker_threads';
  import { DrasError, Expression, Fleet, Policy, Recording, Task, replay } from 'dras';
  import { NOW, DOCUMENT, busy, policy } from './test/support.mjs';
  const detach = (array) => structuredClone(array.buffer, { transfer: [array.buffer] });
  const refused = (work) => assert.throws(work, (error) => error instanceof DrasError);
`;

/** Runs \`code\` in a new process, which says at its end that it got there. */
function survives(name, code, { status = 0, said = 'here\n', args = [] } = {}) {
  test(name, () => {
    const source = `${BEGIN}\n${code}\nif (${status === 0}) console.log('here');`;
    const done = spawnSync(process.execPath, [...args, '--input-type=module', '-'], { input: source, encoding: 'utf8' });
    assert.deepEqual([done.signal, done.status, done.stdout], [null, status, said], done.stderr);
  });
}

survives(
  'memory that is taken away while a call looks at its arguments',
  `
  const task = busy();
  const times = () => BigInt64Array.from([1, 2, 3, 4], (i) => BigInt(NOW - i));
  for (let i = 0; i < 100; i++) {
    const values = Float64Array.of(1, 2, 3, 4);
    refused(() => task.column('cpu', times(), values, { now: NOW, get instance() { detach(values); return 'tm-1'; } }));
    const at = times();
    refused(() => task.column('cpu', at, Float64Array.of(1, 2, 3, 4), { now: NOW, get instance() { detach(at); return 'tm-1'; } }));
    const shrinks = new ArrayBuffer(32, { maxByteLength: 64 });
    refused(() => task.column('cpu', times(), new Float64Array(shrinks), { now: NOW, get instance() { shrinks.resize(8); return 'tm-1'; } }));
    const fleet = new Fleet(policy(), ['a']);
    const handles = Uint32Array.of(fleet.series('a', 'cpu'));
    refused(() => fleet.ingest(handles, times().subarray(0, 1), values, { get now() { return NOW; } }));
    const expression = new Expression('a > b', ['a', 'b']);
    const a = new Float64Array(1000);
    refused(() => expression.evaluateColumns({ a, get b() { detach(a); return new Float64Array(1000); } }));
  }`,
);

survives(
  'buffers that grow and shrink, and are written to by another thread',
  `
  const expression = new Expression('a > 0.5', ['a']);
  const growing = new ArrayBuffer(8, { maxByteLength: 8 << 20 });
  const view = new Float64Array(growing);
  for (let size = 8; size <= 8 << 20; size *= 2) {
    growing.resize(size);
    assert.equal(expression.evaluateColumns({ a: view }).length, size / 8);
  }
  for (let size = 8 << 20; size >= 8; size /= 2) {
    growing.resize(size);
    assert.equal(expression.evaluateColumns({ a: view }).length, size / 8);
  }
  const shared = new SharedArrayBuffer(8 << 16);
  const worker = new Worker(
    "const { workerData: a } = require('node:worker_threads'); for (;;) for (let i = 0; i < a.length; i++) a[i] = Math.random();",
    { eval: true, execArgv: [], workerData: new Float64Array(shared) },
  );
  await once(worker, 'online');
  const task = new Task(policy(), 'x');
  const times = BigInt64Array.from({ length: 65536 }, (_, i) => BigInt(NOW - i));
  for (let i = 0; i < 50; i++) {
    expression.evaluateColumns({ a: new Float64Array(shared) });
    expression.evaluateRow(new Float64Array(shared, 0, 1));
    task.column('cpu', times, new Float64Array(shared), { now: NOW, instance: 'tm-1' });
  }
  await worker.terminate();`,
);

survives(
  'the ends of all ranges',
  `
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
  const numbers = [0, -0, 1, -1, 1e308, -1e308, 5e-324, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53)];
  const maybe = (work) => { try { work(); } catch (error) { if (!(error instanceof DrasError)) throw error; } };
  const times = [8.64e15, -8.64e15, 0, 1e300, -1e300, NaN, least, most, 8640000000000001n];
  for (const now of times) {
    for (const at of times) {
      const task = new Task(policy(), 'x', { attributes: { parallelism: 4 } });
      maybe(() => task.row({ cpu: 1 }, { now, at, instance: 'tm-1' }));
      maybe(() => task.event('exceptions', 'x', { now, at }));
      maybe(() => task.mark('restart', at));
      maybe(() => task.end('tm-1', at));
      maybe(() => task.observed('exceptions', { now, until: at }));
      maybe(() => task.nextLook(at));
      maybe(() => task.queries(at));
      maybe(() => String(task.decide(now)));
      maybe(() => task.snapshot());
      const recorded = new Recording('x');
      maybe(() => recorded.series('cpu', BigInt64Array.of(least, 0n, most), Float64Array.of(1, 2, 3)));
      maybe(() => recorded.mark('restart', at));
    }
  }
  for (const value of [...numbers, least, most, 2n ** 200n, '1e999', '99999999999999999999h']) {
    const task = busy();
    maybe(() => task.row({ cpu: value, delay: value }, { now: NOW, instance: 'tm-1' }));
    maybe(() => task.set({ parallelism: value, quota: value }));
    maybe(() => String(task.decide(NOW)));
    maybe(() => new Policy({ ...DOCUMENT, limits: { parallelism: { min: 1, max: value } } }));
    maybe(() => new Expression('a + b * 2 / c', ['a', 'b', 'c']).evaluate({ a: value, b: value, c: value }));
    maybe(() => new Expression(String(value)));
  }
  const task = busy();
  maybe(() => task.column('cpu', BigInt64Array.of(least, most, 0n), Float64Array.of(1, NaN, Infinity), { now: NOW, instance: 'tm-1' }));
  maybe(() => String(task.decide(NOW)));`,
);

survives(
  'objects that dispose of what they are handed to',
  `
  const task = busy();
  refused(() => task.row({ get cpu() { task.dispose(); return 1; } }, { now: NOW, instance: 'tm-1' }));
  const fleet = new Fleet(policy(), ['a']);
  refused(() => fleet.ingest([fleet.series('a', 'cpu')], NOW, Float64Array.of(1), { get now() { fleet.dispose(); return NOW; } }));
  const recorded = new Recording('x');
  refused(() => recorded.event('e', 'x', { at: NOW, get instance() { recorded.dispose(); return 'x'; } }));
  const many = new Fleet(policy(), Array.from({ length: 5000 }, (_, i) => String(i)));
  const looks = [many.decide(NOW), many.decide(NOW, { keep: 'all' }), many.differences(policy({ name: 'x' }), NOW).catch((error) => error)];
  many.dispose();
  await Promise.all(looks);`,
);

survives(
  'depth and size without end',
  `
  let deep = {};
  for (let i = 0; i < 200_000; i++) deep = { deep };
  refused(() => new Policy(deep));
  refused(() => new Policy('{"a":'.repeat(200_000)));
  refused(() => new Expression('-'.repeat(200_000) + '1'));
  refused(() => new Expression('(1 + '.repeat(200_000)));
  refused(() => new Expression('!'.repeat(200_000) + 'true'));
  refused(() => busy().readPrometheus('cpu', '['.repeat(1_000_000), { now: NOW }));
  refused(() => busy().readFlinkMetrics('{"a":'.repeat(500_000), { now: NOW }));
  refused(() => Task.restore(policy(), Buffer.alloc(1 << 20, 0xff)));
  const task = busy();
  const bytes = task.snapshot();
  for (let i = 0; i < bytes.length; i += 7) {
    const damaged = Buffer.from(bytes);
    damaged[i] ^= 0x55;
    refused(() => Task.restore(task.policy, damaged));
  }
  const circle = {};
  circle.self = circle;
  refused(() => task.readPrometheus('cpu', circle, { now: NOW }));
  refused(() => new Proxy(Policy, {}) && new Policy(new Proxy(circle, {})));`,
);

const FLEET = `
  const fleet = new Fleet(policy(), Array.from({ length: 20_000 }, (_, i) => String(i)));
  for (const task of fleet) task.set({ parallelism: 2 });
  const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));
  const values = new Float64Array(handles.length).fill(90);
  const recorded = new Recording('x');
  recorded.series('cpu', Float64Array.from({ length: 200_000 }, (_, i) => NOW + i * 15_000), new Float64Array(200_000).fill(50));
  const work = () => [
    fleet.decide(NOW),
    fleet.ingestAsync(handles, NOW, values, { now: NOW }),
    fleet.differences(policy({ name: 'x' }), NOW),
    replay(policy(), recorded, { keep: 'all', onProgress: () => {} }),
  ];`;

survives('the process exits in the middle of work on the pool', `${FLEET} void work(); process.exit(7);`, { status: 7, said: '' });

survives(
  'an exception that nobody catches ends the process as any other does',
  `${FLEET} void work(); process.stderr.write = () => true; throw new Error('mine');`,
  { status: 1, said: '' },
);

survives(
  'workers are terminated in the middle of work on the pool',
  `
  const code = \`
    const { parentPort } = require('node:worker_threads');
    const { Fleet, Policy, Recording, replay } = require('dras');
    const NOW = ${'${NOW}'};
    const policy = (more) => new Policy({ ...${'${JSON.stringify(DOCUMENT)}'}, ...more });
    ${FLEET}
    (async () => { for (;;) { const all = work(); parentPort.postMessage('begun'); await Promise.all(all); } })();\`;
  for (let round = 0; round < 4; round++) {
    const worker = new Worker(code, { eval: true, execArgv: [] });
    // As many beginnings, then in the middle of the next.
    for (let begun = 0; begun <= round % 2; begun++) await once(worker, 'message');
    assert.equal(await worker.terminate(), 1);
  }
  assert.equal(busy().decide(NOW).changes[0].to, 6);`,
);

survives(
  'workers end, by themselves and by force, with everything that they have made',
  `
  const code = \`
    const { parentPort, workerData } = require('node:worker_threads');
    const dras = require('dras');
    const kept = [];
    const policy = new dras.Policy(workerData.document);
    for (let i = 0; i < 300; i++) {
      const expression = new dras.Expression('a > b * 2', ['a', 'b']);
      expression.evaluateRow(Float64Array.of(i, 1));
      expression.evaluate({ a: null, b: 1 });
      expression.evaluateColumns({ a: new Float64Array(100), b: new Float64Array(100) });
      const task = new dras.Task(policy, 'x');
      kept.push(expression, task, task.decide(workerData.now), task.snapshot(), new dras.Recording('x'), new dras.Fleet(policy, ['a']));
    }
    parentPort.postMessage('made');
    while (workerData.forever) kept[0].evaluateRow(Float64Array.of(1, 2));\`;
  for (const forever of [false, true, false, true]) {
    const worker = new Worker(code, { eval: true, execArgv: [], workerData: { document: DOCUMENT, now: NOW, forever } });
    const exit = once(worker, 'exit');
    await once(worker, 'message');
    if (forever) await worker.terminate();
    assert.deepEqual(await exit, [forever ? 1 : 0]);
  }`,
);

survives(
  'what is lost is collected, also when nothing else asks for memory',
  `
  // If they stayed, they would take some 350 MiB more than the process does without them, which is about 100.
  const of = policy();
  const times = BigInt64Array.from({ length: 2000 }, (_, i) => BigInt(NOW - 500 * i));
  const values = new Float64Array(2000).fill(50);
  for (let i = 0; i < 20_000; i++) {
    const task = new Task(of, 'x');
    task.column('cpu', times, values, { now: NOW, instance: 'tm-1' });
    // Finalizers run between turns of the event loop.
    if (i % 50 === 0) await new Promise(setImmediate);
  }
  const mebibytes = process.memoryUsage().rss / 2 ** 20;
  assert.ok(mebibytes < 300, mebibytes + ' MiB');`,
);
