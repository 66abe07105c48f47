// Worker threads load the addon, use it, and end, also in the middle of work.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { NOW, busy } from './support.mjs';

const start = (code, data) => new Worker(`const { parentPort, workerData } = require('node:worker_threads');\n${code}`, { eval: true, workerData: data });

test('a task moves to a worker as a snapshot, and decides the same there', async () => {
  const task = busy();
  const code = `
    const { Policy, Task } = require('dras');
    const { task } = Task.restore(new Policy(workerData.document), workerData.snapshot);
    parentPort.postMessage(task.decide(workerData.now).json());`;
  const { DOCUMENT } = await import('./support.mjs');
  const data = { document: DOCUMENT, snapshot: task.snapshot(), now: NOW };
  const workers = Array.from({ length: 4 }, () => start(code, data));
  const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
  await Promise.all(workers.map((worker) => worker.terminate()));
  for (const [json] of answers) assert.equal(json, task.decide(NOW).json());
});

const FLEET = `
  const { Fleet, Policy } = require('dras');
  const policy = new Policy({ version: 1, metrics: { load: {} }, rules: [{ name: 'a', when: 'avg(load[5m]) > 1', then: { parallelism: 'parallelism * 2' } }] });
  const fleet = new Fleet(policy, Array.from({ length: 5000 }, (_, i) => String(i)));
  for (const task of fleet) task.set({ parallelism: 2 });
  const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'load'));
  const values = new Float64Array(handles.length).fill(2);
  let now = ${NOW};
  for (let i = 0; i < 21; i++) fleet.ingest(handles, (now += 15000), values, { now });
`;

test('a worker that is terminated in the middle of looks takes nothing with it', async () => {
  for (let round = 0; round < 4; round++) {
    const worker = start(`${FLEET}
      (async () => { for (;;) { parentPort.postMessage('look'); await Promise.all([fleet.decide(now), fleet.decide(now)]); now += 1000; } })();`);
    for (let look = 0; look <= round; look++) await once(worker, 'message');
    assert.equal(await worker.terminate(), 1);
  }
  assert.equal(busy().decide(NOW).changes[0].to, 6);
});

test('a worker ends by itself when its looks are done', async () => {
  const worker = start(`${FLEET} fleet.decide(now).then((d) => parentPort.postMessage([d.looked, d.length]));`);
  const [[looked, length]] = await once(worker, 'message');
  assert.deepEqual([looked, length], [5000, 5000]);
  const [code] = await once(worker, 'exit');
  assert.equal(code, 0);
});
