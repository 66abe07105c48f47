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

test('another document, for all at once', () => {
  const fleet = fleetOf(20);
  const stricter = policy({ name: 'stricter', limits: { parallelism: { min: 1, max: 5 } } });
  const differences = fleet.differences(stricter, NOW);
  assert.deepEqual(differences.map((d) => [d.task, d.live.changes[0].to, d.other.changes[0].to]), [['job-0', 6, 5], ['job-10', 6, 5]]);
  const replaced = fleet.replacePolicy(stricter, { now: NOW });
  assert.equal(replaced.differences.length, 2);
  assert.equal(Object.keys(replaced.carried).length, 20);
  assert.equal(fleet.policy, stricter);
  assert.equal(fleet.get('job-0').decide(NOW).changes[0].to, 5);
  fleet.ingest([fleet.series('job-0', 'cpu', 'tm-1')], NOW, Float64Array.of(1), { now: NOW });
});
