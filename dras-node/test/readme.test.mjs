// Every example of the README runs as it stands, and prints what stands below it. So do the examples.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const run = (args, input) => spawnSync(process.execPath, args, { input, encoding: 'utf8', timeout: 60_000 });

test('the examples of the README run and print what it says', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, body]) => ({ language, body }));
  let ran = 0;
  for (const [i, { language, body }] of blocks.entries()) {
    if (language !== 'js') continue;
    const { status, stdout, stderr } = run(['--input-type=module', '-'], body);
    assert.equal(status, 0, `${body}\n${stderr}`);
    assert.equal(blocks[i + 1].language, 'text');
    assert.equal(stdout, blocks[i + 1].body);
    ran += 1;
  }
  assert.equal(ran, 6);
});

test('one task', () => {
  const { status, stdout, stderr } = run(['examples/one-task.mjs']);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^orders at 2027-01-15T08:00:00Z: parallelism 4 → 6$/m);
  assert.match(stdout, /! oom: the job runs out of memory/);
  assert.match(stdout, /^-Dparallelism.default=6$/m);
  assert.match(stdout, /^- stop: POST \/jobs\/53f8c3f366d7e18f8f5bfd8b413a1829\/stop$/m);
  assert.match(stdout, /^now 6 subtasks/m);
  assert.match(stdout, /the same after a restart of the platform: true$/m);
});

test('a fleet', () => {
  const { status, stdout, stderr } = run(['examples/fleet.mjs', '2000']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^2000 tasks looked at, 20 with a change, 40 subtasks more$/m);
  assert.match(stdout, /^job-0 at 2027-01-15T08:00:00Z: parallelism 4 → 6$/m);
});

test('a control plane', async (t) => {
  const child = spawn(process.execPath, ['examples/control-plane.mjs', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const address = String(line).trim();
  const ask = async (method, path, body) => {
    const answer = await fetch(`${address}${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    return [answer.status, await answer.json()];
  };

  assert.deepEqual(await ask('PUT', '/jobs/orders', { parallelism: 4, task_managers: 1 }), [201, { parallelism: 4, task_id: 'orders', task_managers: 1 }]);
  assert.equal((await ask('POST', '/jobs/orders/samples', { instance: 'tm-1', values: { cpu: 93 } }))[1].stored, 1);
  const [status, decision] = await ask('GET', '/jobs/orders/decision');
  assert.equal(status, 200);
  assert.deepEqual([decision.changes[0].from, decision.changes[0].to], [4, 7]);
  const [, all] = await ask('GET', '/decisions');
  assert.equal(all.looked, 1);
  assert.equal(all.decisions[0].instruction.key, decision.instruction.key);
  const [, history] = await ask('POST', '/jobs/orders/applied', { key: decision.instruction.key });
  assert.deepEqual(history.records.map((record) => record.kind), ['instructed', 'applied']);

  assert.equal((await ask('GET', '/jobs/bills/decision'))[0], 404);
  assert.deepEqual((await ask('PUT', '/jobs/orders', { paralelism: 4 }))[1].code, 'unknown_attribute');
  assert.deepEqual((await ask('POST', '/jobs/orders/samples', { values: { cpuu: 1 } }))[1].code, 'unknown_metric');
  assert.deepEqual((await ask('POST', '/jobs/orders/applied', {}))[0], 400);
  assert.equal((await ask('GET', '/nothing'))[0], 404);
  const odd = await fetch(`${address}/jobs/orders/samples`, { method: 'POST', body: '{' });
  assert.equal(odd.status, 400);

  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});
