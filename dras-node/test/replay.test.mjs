import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decision, InputError, InputTypeError, Policy, Recording, Replay, StateError, TaskError, replay } from 'dras';
import { NOW, policy, rejects, throws } from './support.mjs';

const HOUR = 3_600_000;

/** Three hours, of which the second is busy. */
function recording(labels = undefined) {
  const recorded = new Recording('orders', { labels });
  const times = BigInt64Array.from({ length: 720 }, (_, i) => BigInt(NOW + i * 15_000));
  const values = Float64Array.from(times, (_, i) => (i >= 240 && i < 480 ? 90 : 50));
  recorded.set({ parallelism: 4, task_managers: 1, team: 'orders', batch: false, nothing: 5 }, NOW);
  recorded.series('cpu', times, values, { instance: 'tm-1' });
  recorded.event('exceptions', 'java.lang.OutOfMemoryError: Java heap space', { at: NOW + HOUR });
  recorded.mark('restart', NOW - HOUR);
  return recorded;
}

test('a replay says when and why a document acts', async () => {
  const recorded = recording();
  assert.deepEqual([recorded.task, recorded.span], ['orders', { from: NOW, to: NOW + 719 * 15_000 }]);
  const active = policy({ mode: 'active' });
  const replayed = await replay(active, recorded);
  const { summary } = replayed;
  assert.ok(replayed instanceof Replay);
  assert.equal(summary.looks, 36);
  assert.deepEqual([summary.applied, summary.instructions, summary.restarts_per_day], [0, 1, 0]);
  assert.ok(summary.with_changes > 5 && summary.fired.busy >= summary.with_changes && summary.fired.oom > 0);
  const decisions = [...replayed];
  assert.equal(decisions.length, replayed.length);
  assert.ok(decisions.every((d, i) => d instanceof Decision && d.task === 'orders' && (i === 0 || d.at > decisions[i - 1].at)));
  assert.equal(replayed.decision(0), decisions[0]);
  for (const index of [-1, 0.5, replayed.length, NaN]) assert.equal(replayed.decision(index), undefined);
  assert.equal(decisions.find((d) => d.changes.length > 0).changes[0].to, 6);
  assert.equal(decisions[0].policy, active);
});

test('instructions can be followed, and all decisions kept', async () => {
  const replayed = await replay(policy({ mode: 'active' }), recording(), { follow: '1m', keep: 'all' });
  assert.equal(replayed.length, replayed.summary.looks);
  assert.ok(replayed.summary.applied >= 1 && replayed.summary.restarts_per_day > 0);
  const looked = await replay(policy({ mode: 'active' }), recording(), { follow: 60_000, keep: 'all' });
  assert.deepEqual([...looked].map((d) => d.json()), [...replayed].map((d) => d.json()));
  const part = await replay(policy(), recording(), { from: new Date(NOW + HOUR), to: NOW + 2 * HOUR });
  assert.ok(part.summary.looks < 15 && part.summary.looks > 10);
});

test('progress is told, and goes up to 1', async () => {
  const shares = [];
  await replay(policy(), recording(), { onProgress: (share) => shares.push(share) });
  assert.equal(shares.at(-1), 1);
  assert.ok(shares.every((share, i) => share >= 0 && share <= 1 && (i === 0 || share >= shares[i - 1])));
  const mine = new Error('mine');
  const failing = () => { throw mine; };
  await assert.rejects(replay(policy(), recording(), { onProgress: failing }), (error) => error === mine);
});

test('a replay is cancelled by its signal', async () => {
  const reason = new Error('enough');
  await assert.rejects(replay(policy(), recording(), { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const controller = new AbortController();
  const replayed = replay(policy(), recording(), { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(replayed, (error) => error === reason);
});

test('what cannot be recorded or replayed is refused', async () => {
  throws(() => new Recording(5), InputTypeError, 'type');
  throws(() => new Recording('x', { labels: { a: 1 } }), InputTypeError, 'type');
  throws(() => new Recording('x', { label: {} }), InputError, 'unknown_option');
  const recorded = recording();
  throws(() => recorded.series('cpu', BigInt64Array.of(1n), new Float64Array(2)), InputError, 'column_length');
  throws(() => recorded.series('cpu', Float64Array.of(NaN), new Float64Array(1)), InputError, 'time', /times\[0\]/);
  throws(() => recorded.series('cpu', [1], new Float64Array(1)), InputTypeError, 'type');
  throws(() => recorded.series('cpu', BigInt64Array.of(1n), [1]), InputTypeError, 'type');
  const detached = new Float64Array(1);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  throws(() => recorded.series('cpu', BigInt64Array.of(1n), detached), InputError, 'detached');
  throws(() => recorded.event('exceptions', 'x'), InputTypeError, 'type');
  throws(() => recorded.event('exceptions', '\ud800', { at: NOW }), InputError, 'not_well_formed');
  throws(() => recorded.mark('reboot', NOW), InputError, 'unknown_word');
  throws(() => recorded.set({ a: null }, NOW), InputTypeError, 'type');
  throws(() => recorded.set({ a: 2n ** 70n }, NOW), InputError, 'number_too_large');
  throws(() => recorded.set({ a: 1 }, new Date(NaN)), InputError, 'time');
  throws(() => recorded.setFlinkConfiguration({ a: {} }, NOW), InputTypeError, 'type');
  await rejects(replay({}, recorded), InputTypeError, 'type', /must be a Policy/);
  await rejects(replay(policy(), {}), InputTypeError, 'type', /must be a Recording/);
  await rejects(replay(policy(), Object.create(Recording.prototype)), InputTypeError, 'type');
  for (const [options, Class, code] of [
    [{ until: 1 }, InputError, 'unknown_option'],
    [{ follow: '2GiB' }, InputError, 'unit'],
    [{ follow: -1 }, InputError, 'duration'],
    [{ keep: 'some' }, InputError, 'unknown_word'],
    [{ signal: {} }, InputTypeError, 'type'],
    [{ onProgress: 5 }, InputTypeError, 'type'],
    [{ from: 'yesterday' }, InputTypeError, 'type'],
    [{ to: NaN }, InputError, 'time'],
  ]) {
    await rejects(replay(policy(), recorded, options), Class, code);
  }
  await rejects(replay(policy(), new Recording('x')), TaskError, 'empty_recording');
  const other = new Policy({ version: 1, metrics: { load: {} }, rules: [{ name: 'a', when: 'load > 1', then: { parallelism: '2' } }] });
  await rejects(replay(other, recorded), TaskError, 'no_metric', /cpu/);
  recorded.set({ team: 5 }, NOW);
  await rejects(replay(policy(), recorded), TaskError, 'attribute_type');
});

test('a recording that was disposed of says so, and a replay of it ends well', async () => {
  const recorded = recording();
  const under = replay(policy(), recorded);
  recorded[Symbol.dispose]();
  recorded.dispose();
  assert.equal((await under).summary.looks, 36);
  throws(() => recorded.span, StateError, 'disposed');
  throws(() => recorded.mark('restart', NOW), StateError, 'disposed');
  await rejects(replay(policy(), recorded), StateError, 'disposed');
});

test('what is recorded while a replay is under way is for the next one', async () => {
  const recorded = recording();
  const under = replay(policy(), recorded);
  recorded.series('cpu', Float64Array.of(NOW + 10 * HOUR), Float64Array.of(50), { instance: 'tm-1' });
  assert.equal((await under).summary.looks, 36);
  assert.ok((await replay(policy(), recorded)).summary.looks > 100);
});
