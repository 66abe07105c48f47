import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet, InputError, InputTypeError, ReadError, StateError, Task, TaskError } from 'dras';
import { NOW, busy, policy, rejects, throws } from './support.mjs';

function fleetOf(count, of = policy()) {
  const fleet = new Fleet(of);
  for (let i = 0; i < count; i++) fleet.add(`job-${i}`, { attributes: { parallelism: 4, task_managers: 1 } });
  const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));
  const values = Float64Array.from(handles, (_, i) => (i % 10 === 0 ? 90 : 50));
  for (let age = 20; age >= 0; age--) {
    const at = NOW - age * 15_000;
    assert.equal(fleet.ingest(handles, at, values, { now: at }).accepted.stored, count);
  }
  return fleet;
}

test('a fleet decides as its tasks do, on any number of threads', async () => {
  const expected = [...fleetOf(1000)].map((task) => task.decide(NOW)).filter((d) => d.matters).map((d) => d.json());
  assert.equal(expected.length, 100);
  for (const threads of [undefined, 1, 2, 7]) {
    const decisions = await fleetOf(1000).decide(NOW, { threads });
    assert.deepEqual([decisions.looked, decisions.length, decisions.changed, decisions.fired], [1000, 100, 100, 100]);
    assert.deepEqual([...decisions].map((d) => d.json()), expected);
    assert.deepEqual(decisions.errors, []);
    assert.equal(decisions.get('job-10').changes[0].to, 6);
    assert.equal(decisions.get('job-11'), undefined);
    assert.equal(decisions.decision(0), decisions.decision(0));
    assert.equal(decisions.decision(100), undefined);
  }
});

test('tasks and fleets say what they are', () => {
  const fleet = new Fleet(policy(), ['a', 'b']);
  assert.match(String(fleet), /^fleet of 2 tasks under the policy "etl"/);
  assert.match(String(fleet.get('a')), /^task "a" under the policy "etl"/);
});

test('all decisions are kept where that is asked for', async () => {
  const decisions = await fleetOf(20).decide(NOW, { keep: 'all', tasks: ['job-3', 'job-10', 'job-3'] });
  assert.deepEqual([...decisions].map((d) => [d.task, d.matters]), [['job-3', false], ['job-10', true]]);
});

test('instructions of a fleet', async () => {
  const fleet = fleetOf(20, policy({ mode: 'active' }));
  for (const task of fleet) task.mark('restart', NOW - 7_200_000);
  const { instructions } = await fleet.decide(NOW);
  assert.deepEqual(instructions.map((i) => [i.task, i.parallelism]), [['job-0', { from: 4, to: 6 }], ['job-10', { from: 4, to: 6 }]]);
});

test('where one task fails the others go on', async () => {
  const fleet = fleetOf(30);
  fleet.get('job-7').decide(NOW + 60_000);
  fleet.get('job-8').dispose();
  const decisions = await fleet.decide(NOW);
  assert.equal(decisions.looked, 28);
  assert.deepEqual(decisions.errors.map(({ task, error }) => [task, error.constructor, error.code]), [
    ['job-7', TaskError, 'time_went_back'],
    ['job-8', StateError, 'disposed'],
  ]);
});

test('tasks come and go', async () => {
  const fleet = new Fleet(policy(), ['a', 'b']);
  assert.deepEqual([fleet.size, fleet.ids, fleet.has('a'), fleet.has('c'), fleet.get('c')], [2, ['a', 'b'], true, false, undefined]);
  const handle = fleet.series('a', 'cpu');
  assert.equal(fleet.series('a', 'cpu', ''), handle);
  assert.notEqual(fleet.series('b', 'cpu'), handle);
  fleet.remove('a');
  throws(() => fleet.ingest(Uint32Array.of(handle), NOW, Float64Array.of(1), { now: NOW }), InputError, 'unknown_series');
  const task = busy(fleet.policy, 'c');
  assert.equal(fleet.add(task), task);
  assert.equal(fleet.get('c'), task);
  assert.deepEqual([...(await fleet.decide(NOW))].map((d) => d.task), ['c']);
  throws(() => fleet.add('c'), InputError, 'known_task');
  throws(() => fleet.remove('a'), InputError, 'unknown_task');
  throws(() => fleet.series('a', 'cpu'), InputError, 'unknown_task');
  throws(() => fleet.series('b', 'nothing'), TaskError, 'unknown_metric');
  throws(() => fleet.series('b', 'exceptions'), TaskError, 'not_a_number_metric');
  throws(() => fleet.add(new Task(policy({ name: 'other' }), 'x')), InputError, 'other_policy');
  await rejects(fleet.decide(NOW, { tasks: ['a'] }), InputError, 'unknown_task');
  fleet.dispose();
  assert.equal(fleet.size, 0);
  throws(() => task.decide(NOW), StateError, 'disposed');
});

test('columns of a fleet', () => {
  const fleet = new Fleet(policy(), ['a', 'b']);
  const [a, b] = ['a', 'b'].map((id) => fleet.series(id, 'cpu', 'tm-1'));
  const report = fleet.ingest([a, a, b], BigInt64Array.from([NOW - 15_000, NOW, NOW], BigInt), Float64Array.of(50, 60, 70), { now: NOW });
  assert.deepEqual([report.accepted.stored, report.series, report.errors], [3, 2, []]);
  assert.equal(fleet.ingest([a, b], Float64Array.of(NOW + 1, NOW + 1), Float64Array.of(1, 2), { now: NOW + 1 }).accepted.stored, 2);
  throws(() => fleet.ingest([a, b], NOW, Float64Array.of(1), { now: NOW + 1 }), InputError, 'column_length');
  throws(() => fleet.ingest([a], BigInt64Array.of(1n, 2n), Float64Array.of(1), { now: NOW + 1 }), InputError, 'column_length');
  throws(() => fleet.ingest([99], NOW, Float64Array.of(1), { now: NOW + 1 }), InputError, 'unknown_series');
  throws(() => fleet.ingest([-1], NOW, Float64Array.of(1), { now: NOW + 1 }), InputError, 'number');
  const late = fleet.ingest([a], NOW, Float64Array.of(1), { now: NOW });
  assert.deepEqual(late.errors.map((e) => [e.task, e.error.code]), [['a', 'time_went_back']]);
});

test('one answer of Prometheus is about many tasks', () => {
  const fleet = new Fleet(policy(), ['orders', 'bills']);
  const series = (job, value) => ({ metric: { job, tm_id: 'tm-1' }, value: [NOW / 1000, value] });
  const body = { status: 'success', data: { resultType: 'vector', result: [series('orders', '91'), series('bills', '5'), series('other', '1'), { metric: {}, value: [NOW / 1000, '1'] }] } };
  const report = fleet.readPrometheus('cpu', body, { label: 'job', now: NOW });
  assert.deepEqual([report.accepted.stored, report.series], [2, 2]);
  assert.deepEqual(report.notes, ['1 series have no label `job`', '1 tasks in the answer are not in the fleet']);
  throws(() => fleet.readPrometheus('cpu', 'oops', { label: 'job', now: NOW }), ReadError, 'not_json');
  throws(() => fleet.readPrometheus('nothing', body, { label: 'job', now: NOW }), TaskError, 'unknown_metric');
});

test('who is due', () => {
  const fleet = fleetOf(50);
  const due = fleet.due(NOW, NOW + 300_000);
  assert.equal(due.length, 50);
  assert.ok(due.every((d, i) => d.look === 'long' && d.at > NOW && d.at <= NOW + 300_000 && (i === 0 || due[i - 1].at <= d.at)));
  assert.deepEqual(due.map((d) => d.at).sort(), [...fleet].map((t) => t.nextLook(NOW).at).sort());
});

test('a look is cancelled by its signal', async () => {
  const fleet = fleetOf(2000);
  const reason = new Error('enough');
  await assert.rejects(fleet.decide(NOW, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const controller = new AbortController();
  const look = fleet.decide(NOW, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(look, (error) => error === reason);
  const timed = fleet.decide(NOW, { signal: AbortSignal.timeout(60_000) });
  assert.equal((await timed).looked, 2000, 'and can be taken again at the same time');
  await rejects(fleet.decide(NOW, { signal: {} }), InputTypeError, 'type');
});

test('the event loop goes on, and so do the tasks', async () => {
  const fleet = fleetOf(3000);
  const task = fleet.get('job-1');
  const looks = [fleet.decide(NOW), fleet.decide(NOW), fleet.decide(NOW, { look: 'short' })];
  // Fed and asked while they are looked at.
  for (let i = 0; i < 100; i++) task.row({ cpu: 1 }, { now: NOW, at: NOW - i, instance: 'tm-9' });
  fleet.remove('job-2');
  for (const decisions of await Promise.all(looks)) assert.equal(decisions.looked, 3000);
});

test('another document, for all at once', async () => {
  const fleet = fleetOf(20);
  const stricter = policy({ name: 'stricter', limits: { parallelism: { min: 1, max: 5 } } });
  const differences = await fleet.differences(stricter, NOW);
  assert.deepEqual(differences.map((d) => [d.task, d.live.changes[0].to, d.other.changes[0].to]), [['job-0', 6, 5], ['job-10', 6, 5]]);
  const handle = fleet.series('job-0', 'cpu', 'tm-1');
  const replaced = await fleet.replacePolicy(stricter, { now: NOW });
  assert.equal(replaced.differences.length, 2);
  assert.equal(Object.keys(replaced.carried).length, 20);
  assert.equal(fleet.policy, stricter);
  assert.equal(fleet.get('job-0').decide(NOW).changes[0].to, 5);
  assert.equal(fleet.get('job-0').policy, stricter);
  assert.equal(fleet.series('job-0', 'cpu', 'tm-1'), handle, 'handles stay');
  assert.equal(fleet.ingest([handle], NOW, Float64Array.of(1), { now: NOW }).errors.length, 0);
  // Metrics have other numbers in this one, and one of them is gone.
  const other = policy({
    name: 'other',
    metrics: { aaa: {}, delay: { unit: 'ms' }, load: {} },
    rules: [{ name: 'a', when: 'aaa > 1', then: { parallelism: '7' } }],
  });
  await fleet.replacePolicy(other, { now: NOW });
  throws(() => fleet.ingest([handle], NOW, Float64Array.of(1), { now: NOW }), InputError, 'unknown_series');
  throws(() => fleet.series('job-0', 'cpu', 'tm-1'), TaskError, 'unknown_metric');
  fleet.get('job-0').row({ aaa: 2 }, { now: NOW });
  assert.equal((await fleet.decide(NOW)).get('job-0').changes[0].to, 7);
});

test('a document replaces another for all tasks, or for none', async () => {
  const fleet = fleetOf(20);
  const stricter = policy({ name: 'stricter', limits: { parallelism: { min: 1, max: 5 } } });
  fleet.get('job-3').decide(NOW + 1000);
  await rejects(fleet.replacePolicy(stricter, { now: NOW }), TaskError, 'time_went_back', /^job-3: /);
  await assert.rejects(fleet.replacePolicy(stricter, { now: NOW + 1000, signal: AbortSignal.abort(new Error('no')) }), /^Error: no$/);
  assert.notEqual(fleet.policy, stricter);
  for (const task of fleet) assert.equal(task.policy, fleet.policy);
  // A task that somebody put under another policy is no task of this fleet's series any more.
  const handle = fleet.series('job-1', 'cpu', 'tm-1');
  fleet.get('job-1').replacePolicy(stricter);
  const report = fleet.ingest([handle], NOW + 1000, Float64Array.of(1), { now: NOW + 1000 });
  assert.deepEqual(report.errors.map((e) => [e.task, e.error.code]), [['job-1', 'other_policy']]);
});

test('a document runs beside the live one of a fleet', async () => {
  const fleet = fleetOf(200);
  const stricter = policy({ name: 'stricter', limits: { parallelism: { min: 1, max: 5 } } });
  await fleet.startShadow(stricter);
  assert.equal(fleet.get('job-7').shadow, stricter);
  const decisions = await fleet.decide(NOW);
  assert.equal(decisions.differences.length, 20);
  assert.deepEqual(decisions.differences[0].other.changes, [{ resource: 'parallelism', from: 4, to: 5 }]);
  assert.equal(decisions.get('job-0').changes[0].to, 6);
  // What is fed by column and by answer goes to both.
  const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));
  const later = NOW + 600_000;
  for (let at = NOW; at <= later; at += 15_000) fleet.ingest(handles, at, new Float64Array(200).fill(90), { now: at });
  assert.equal((await fleet.decide(later)).differences.length, 200);
  fleet.stopShadow();
  assert.equal(fleet.get('job-7').shadow, null);
  assert.deepEqual((await fleet.decide(later)).differences, []);
  fleet.get('job-9').dispose();
  await rejects(fleet.startShadow(stricter), StateError, 'disposed', /^job-9: /);
  assert.ok([...fleet].every((task) => task.shadow === null));
});

test('columns of a fleet on the worker pool are the same', async () => {
  const feed = async (ingest) => {
    const fleet = new Fleet(policy());
    for (let i = 0; i < 500; i++) fleet.add(`job-${i}`, { attributes: { parallelism: 4, task_managers: 1 } });
    const handles = fleet.ids.flatMap((id) => ['tm-1', 'tm-2'].map((name) => fleet.series(id, 'cpu', name)));
    const at = BigInt64Array.from({ length: handles.length * 21 }, (_, i) => BigInt(NOW - (20 - (i % 21)) * 15_000));
    const values = Float64Array.from(at, (_, i) => (i * 7919) % 101);
    const series = Uint32Array.from(at, (_, i) => handles[Math.floor(i / 21)]);
    const report = await ingest(fleet, series, at, values);
    return [report, [...fleet].map((task) => task.snapshot().toString('base64'))];
  };
  const expected = await feed((fleet, ...columns) => fleet.ingest(...columns, { now: NOW }));
  assert.equal(expected[0].accepted.stored, 21_000);
  for (const threads of [1, 2, 5]) {
    const found = await feed((fleet, ...columns) => {
      const promise = fleet.ingestAsync(...columns, { now: NOW, threads });
      // The caller has its arrays back.
      columns[2].fill(-1);
      return promise;
    });
    assert.deepEqual(found, expected);
  }
  const fleet = fleetOf(10);
  await rejects(fleet.ingestAsync([99], NOW, Float64Array.of(1), { now: NOW }), InputError, 'unknown_series');
  await rejects(fleet.ingestAsync([0, 1], NOW, Float64Array.of(1), { now: NOW }), InputError, 'column_length');
  await rejects(fleet.ingestAsync([0], NOW, Float64Array.of(1), { now: NOW, threads: 0 }), InputError, 'number');
  await assert.rejects(fleet.ingestAsync([0], NOW, Float64Array.of(1), { now: NOW, signal: AbortSignal.abort(new Error('no')) }), /^Error: no$/);
  const late = await fleet.ingestAsync([fleet.series('job-1', 'cpu', 'tm-1')], NOW - 1000, Float64Array.of(1), { now: NOW - 1000 });
  assert.deepEqual(late.errors.map((e) => [e.task, e.error.code]), [['job-1', 'time_went_back']]);
});

test('an answer of Prometheus on the worker pool is the same', async () => {
  const body = JSON.stringify({
    status: 'success',
    data: {
      resultType: 'vector',
      result: Array.from({ length: 300 }, (_, i) => ({ metric: { job: `job-${i}`, tm_id: 'tm-1' }, value: [NOW / 1000, String(i % 100)] })),
    },
  });
  const ids = Array.from({ length: 250 }, (_, i) => `job-${i}`);
  const [a, b] = [new Fleet(policy(), ids), new Fleet(policy(), ids)];
  const report = await a.readPrometheusAsync('cpu', body, { label: 'job', now: NOW });
  assert.deepEqual(report, b.readPrometheus('cpu', body, { label: 'job', now: NOW }));
  assert.deepEqual([report.series, report.notes], [250, ['50 tasks in the answer are not in the fleet']]);
  assert.deepEqual([...a].map((t) => t.snapshot().toString('hex')), [...b].map((t) => t.snapshot().toString('hex')));
  await rejects(a.readPrometheusAsync('cpu', 'oops', { label: 'job', now: NOW }), ReadError, 'not_json');
  await rejects(a.readPrometheusAsync('nothing', body, { label: 'job', now: NOW }), TaskError, 'unknown_metric');
  await assert.rejects(a.readPrometheusAsync('cpu', body, { label: 'job', now: NOW, signal: AbortSignal.abort(new Error('no')) }), /^Error: no$/);
  // The promise of a signal that aborts while it is under way.
  const controller = new AbortController();
  const reading = a.readPrometheusAsync('cpu', body, { label: 'job', now: NOW, signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(reading, /^Error: enough$/);
});

test('one attribute of many tasks', () => {
  const fleet = new Fleet(policy(), ['a', 'b', 'c']);
  assert.deepEqual(fleet.set('parallelism', { a: 4, b: 8 }), []);
  assert.deepEqual(fleet.set('quota', new Map([['c', '5m']])), []);
  assert.deepEqual([...fleet].map((task) => [task.attributes.parallelism, task.attributes.quota]), [[4, undefined], [8, undefined], [undefined, 300]]);
  const errors = fleet.set('parallelism', { a: 'four', b: 2 });
  assert.deepEqual(errors.map((e) => [e.task, e.error.code]), [['a', 'quantity']]);
  assert.deepEqual([fleet.get('a').attributes.parallelism, fleet.get('b').attributes.parallelism], [4, 2]);
  throws(() => fleet.set('parallelism', { a: 1, x: 2 }), InputError, 'unknown_task');
  assert.equal(fleet.get('a').attributes.parallelism, 4);
  throws(() => fleet.set('parallelism', [1]), InputTypeError, 'type');
});

test('a fleet that was disposed of says so', async () => {
  const fleet = fleetOf(100);
  const under = fleet.decide(NOW, { keep: 'all' });
  fleet.dispose();
  fleet.dispose();
  const { looked, errors } = await under;
  assert.equal(looked + errors.length, 100);
  assert.ok(errors.every(({ error }) => error instanceof StateError));
  for (const call of [
    (f) => f.add('x'),
    (f) => f.set('parallelism', {}),
    (f) => f.ingest([], NOW, new Float64Array(0), { now: NOW }),
    (f) => f.readPrometheus('cpu', '{}', { label: 'job', now: NOW }),
    (f) => f.due(NOW, NOW),
    (f) => f.stopShadow(),
    (f) => f.series('job-1', 'cpu'),
  ]) {
    throws(() => call(fleet), StateError, 'disposed', /fleet was disposed of/);
  }
  for (const call of [
    (f) => f.decide(NOW),
    (f) => f.ingestAsync([], NOW, new Float64Array(0), { now: NOW }),
    (f) => f.readPrometheusAsync('cpu', '{}', { label: 'job', now: NOW }),
    (f) => f.differences(f.policy, NOW),
    (f) => f.replacePolicy(f.policy, { now: NOW }),
    (f) => f.startShadow(f.policy),
  ]) {
    await rejects(call(fleet), StateError, 'disposed');
  }
  assert.deepEqual([fleet.size, fleet.ids, fleet.get('job-1')], [0, [], undefined]);
});
