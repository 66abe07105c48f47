import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { Decision, InputError, InputTypeError, Policy, ReadError, SnapshotError, StateError, Task, TaskError } from 'dras';
import { NOW, busy, policy, throws } from './support.mjs';

test('a decision explains itself and is plain data', () => {
  const decision = busy().decide(NOW);
  assert.ok(decision instanceof Decision);
  assert.deepEqual([decision.task, decision.at, decision.look, decision.mode], ['orders', NOW, 'long', 'monitor']);
  assert.equal(decision.time.toISOString(), '2027-01-15T08:00:00.000Z');
  assert.deepEqual(decision.changes, [{ resource: 'parallelism', from: 4, to: 6, wanted: 6, urgent: false, notes: [], rules: ['busy'] }]);
  assert.deepEqual(decision.states, { busy: 'fired', late: 'undefined', oom: 'undefined' });
  assert.deepEqual([decision.matters, decision.anyFired, decision.anyUndefined, decision.instruction], [true, true, true, null]);
  assert.equal(decision.rules[0].proposals[0].fate, 'taken');
  assert.equal(decision.inputs.find((i) => i.text === 'avg(cpu[5m])').value, 0.9);
  assert.match(decision.explain(), /^orders at 2027-01-15T08:00:00Z: parallelism 4 → 6\n {2}busy: fired\n/);
  assert.equal(`${decision}`, decision.explain());
  assert.equal(inspect(decision), decision.explain());
  assert.deepEqual(JSON.parse(decision.json()), decision.toJSON());
  assert.deepEqual(JSON.parse(JSON.stringify(decision)), JSON.parse(decision.json()));
  assert.throws(() => decision.changes.push(1), TypeError);
});

test('a decision in which nothing happens has empty lists', () => {
  const task = new Task(new Policy({ version: 1, rules: [{ name: 'two', when: 'parallelism < 2', then: { parallelism: '2' } }] }), 'orders', { attributes: { parallelism: 4 } });
  const decision = task.decide(NOW);
  for (const name of ['changes', 'held', 'alerts', 'external', 'memory']) assert.deepEqual(decision[name], [], name);
  assert.deepEqual([decision.matters, decision.instruction], [false, null]);
});

test('columns and rows are the same samples', () => {
  const one = busy();
  for (const make of [(t) => BigInt64Array.from(t, BigInt), (t) => Float64Array.from(t)]) {
    const other = new Task(one.policy, 'orders', { attributes: { parallelism: 4, task_managers: 2 } });
    const times = make(Array.from({ length: 21 }, (_, i) => NOW - (20 - i) * 15_000));
    for (const [instance, load] of [['tm-1', 86], ['tm-2', 94]]) {
      const accepted = other.column('cpu', times, new Float64Array(21).fill(load), { now: NOW, instance });
      assert.deepEqual(accepted, { stored: 21, ignored: 0, resolved: 0, refused: 0, unused: 0 });
    }
    assert.deepEqual(other.decide(NOW).changes, one.decide(NOW).changes);
  }
  // What is there already, and what contradicts it.
  assert.deepEqual(one.row({ cpu: 86 }, { now: NOW, instance: 'tm-1' }), { stored: 0, ignored: 1, resolved: 0, refused: 0, unused: 0 });
  assert.equal(one.row({ cpu: 87 }, { now: NOW, instance: 'tm-1' }).resolved, 1);
  assert.equal(one.row({ cpu: 86 }, { now: NOW, at: NOW + 86_400_000, instance: 'tm-1' }).refused, 1);
  assert.equal(one.counters.future, 1);
});

test('a row has room for every metric, and says how many of each kind', () => {
  const names = Array.from({ length: 300 }, (_, i) => `m${i}`);
  const wide = new Policy({
    version: 1,
    metrics: Object.fromEntries(names.map((name) => [name, {}])),
    rules: [{ name: 'all', when: names.slice(0, 299).map((name) => `${name} > 1`).join(' && '), alert: 'x' }],
  });
  const task = new Task(wide, 'orders');
  const row = Object.fromEntries(names.map((name) => [name, 2]));
  assert.deepEqual(task.row(row, { now: NOW }), { stored: 299, ignored: 0, resolved: 0, refused: 0, unused: 1 });
  assert.deepEqual(task.row({ ...row, m0: Infinity, m1: 3 }, { now: NOW }), { stored: 0, ignored: 297, resolved: 1, refused: 1, unused: 1 });
});

test('times are numbers, Dates or bigints, values may have units', () => {
  const task = new Task(policy(), 'orders');
  assert.equal(task.row({ delay: '90s', cpu: null }, { now: new Date(NOW) }).stored, 2);
  assert.equal(task.row({ delay: 90_000n }, { now: BigInt(NOW) }).ignored, 1);
  assert.equal(task.decide(new Date(NOW)).at, NOW);
});

test('attributes are set together or not at all', () => {
  const task = new Task(policy(), 'orders');
  task.set({ parallelism: 4n, task_manager_memory: '4GiB', team: 'orders', quota: '2s', batch: true });
  const { attributes } = task;
  assert.deepEqual(attributes, { batch: true, parallelism: 4, quota: 2, task_id: 'orders', task_manager_memory: 4 * 2 ** 30, team: 'orders' });
  throws(() => task.set({ parallelism: 8, paralelism: 8 }), TaskError, 'unknown_attribute', /`paralelism` is not an attribute/);
  throws(() => task.set({ parallelism: 8, batch: 'yes' }), TaskError, 'attribute_type');
  throws(() => task.set({ parallelism: NaN }), TaskError, 'not_finite');
  assert.deepEqual(task.attributes, attributes);
  task.set({ team: null, parallelism: undefined });
  assert.ok(!('team' in task.attributes) && task.attributes.parallelism === 4);
});

test('the Flink configuration says what the memory consists of', () => {
  const task = new Task(policy(), 'orders');
  task.setFlinkConfiguration({ 'taskmanager.memory.process.size': '4g', 'taskmanager.numberOfTaskSlots': 2, 'other.option': true });
  assert.equal(task.attributes.task_manager_memory, 4 * 2 ** 30);
  assert.equal(task.attributes.slots_per_task_manager, 2);
  throws(() => task.setFlinkConfiguration(new Map([['taskmanager.memory.process.size', '400m']])), TaskError, 'memory', /Flink would refuse/);
  throws(() => task.set({ task_manager_memory: 1 }), TaskError, 'derived_attribute');
});

test('events, marks and ends', () => {
  const task = new Task(policy(), 'orders', { attributes: { parallelism: 2 } });
  assert.equal(task.event('exceptions', 'java.lang.OutOfMemoryError: Metaspace', { now: NOW, at: NOW - 1000 }).stored, 1);
  task.observed('exceptions', { now: NOW });
  task.row({ cpu: 50 }, { now: NOW, instance: 'tm-1' });
  task.end('tm-1', NOW, { metric: 'cpu' });
  const decision = task.decide(NOW);
  assert.deepEqual(decision.alerts, [{ kind: 'rule', rule: 'oom', text: 'out of memory' }]);
  assert.ok(decision.matters);
  task.mark('restart', NOW);
  assert.match(task.decide(NOW).explain(), /warming up|no live instance/);
});

test('queries are asked and answers are read', () => {
  const task = new Task(policy(), 'orders', { labels: { job_name: 'orders' }, attributes: { parallelism: 2, task_managers: 1 } });
  const [query] = task.queries(NOW);
  assert.equal(query.metric, 'cpu');
  assert.equal(query.promql, 'flink_cpu{job_name="orders"}');
  assert.equal(query.path, '/api/v1/query_range');
  assert.equal(new URLSearchParams(query.form).get('query'), query.promql);
  const answer = { status: 'success', data: { resultType: 'matrix', result: [{ metric: { tm_id: 'tm-1' }, values: [[NOW / 1000 - 15, '91'], [NOW / 1000, '93']] }] } };
  for (const body of [answer, JSON.stringify(answer), Buffer.from(JSON.stringify(answer)), new Uint8Array(Buffer.from(JSON.stringify(answer))).buffer]) {
    const report = task.readPrometheus('cpu', body, { now: NOW });
    assert.deepEqual([report.series, report.accepted.stored + report.accepted.ignored], [1, 2]);
  }
  assert.equal(task.queries(NOW).length, 0);
  throws(() => task.readPrometheus('cpu', '<html>502 Bad Gateway</html>', { now: NOW }), ReadError, 'not_json', /HTML/);
  throws(() => task.readPrometheus('cpu', { status: 'error', errorType: 'timeout', error: 'too slow' }, { now: NOW }), ReadError, 'prometheus', /too slow/);
  throws(() => task.readPrometheus('exceptions', answer, { now: NOW }), ReadError, 'not_a_number_metric');
  throws(() => task.readPrometheus('nothing', answer, { now: NOW }), TaskError, 'unknown_metric');

  const metrics = task.readFlinkMetrics([{ id: 'Status.JVM.CPU.Load', value: '95' }, { id: 'other', value: '1' }], { now: NOW + 1000, instance: 'tm-1' });
  assert.deepEqual([metrics.accepted.stored, metrics.notes], [1, ['`other` is not the `flink` id of any metric']]);
  const exceptions = task.readFlinkExceptions('exceptions', { exceptionHistory: { entries: [{ exceptionName: 'java.lang.OutOfMemoryError', stacktrace: 'java.lang.OutOfMemoryError: Java heap space', timestamp: NOW - 5000 }], truncated: false } }, { now: NOW + 1000 });
  assert.equal(exceptions.accepted.stored, 1);
  assert.equal(task.decide(NOW + 1000).states.oom, 'fired');
});

test('looks are spread, and the next one is told', () => {
  const task = new Task(policy(), 'orders');
  const next = task.nextLook(NOW);
  assert.equal(next.look, 'long');
  assert.ok(next.at > NOW && next.at <= NOW + 300_000);
  assert.deepEqual(task.nextLook(NOW), next);
  assert.notEqual(new Task(policy(), 'bills').nextLook(NOW).at, next.at);
  assert.deepEqual(task.decide(NOW, { look: 'short' }).states, { busy: 'not_looked', late: 'not_looked', oom: 'not_looked' });
});

test('time does not go back, and nothing is changed by trying', () => {
  const task = busy();
  const before = task.snapshot();
  throws(() => task.decide(NOW - 1), TaskError, 'time_went_back', /must not go back/);
  throws(() => task.row({ cpu: 1 }, { now: NOW - 1, instance: 'tm-1' }), TaskError, 'time_went_back');
  assert.ok(task.snapshot().equals(before));
});

test('instructions are given until they are reported on', () => {
  const active = policy({ mode: 'active' });
  const task = busy(active);
  task.mark('restart', NOW - 7_200_000);
  const { instruction } = task.decide(NOW);
  assert.equal(task.decide(NOW + 1000).instruction.key, instruction.key);
  throws(() => task.applied('0123456789abcdef', { now: NOW + 2000 }), TaskError, 'never_given');
  throws(() => task.applied(instruction, { now: NOW + 2000, at: NOW - 1000 }), TaskError, 'before_given');
  throws(() => task.applied(instruction, { now: NOW, at: NOW + 86_400_000 }), TaskError, 'in_future');
  task.applied(instruction, { now: NOW + 2000 });
  task.applied(instruction.key, { now: NOW + 2000 });
  throws(() => task.failed(instruction, 'no slots', { now: NOW + 3000 }), TaskError, 'contradicts');
  assert.equal(task.attributes.parallelism, 6);
  const { history } = task;
  assert.deepEqual(history.records.map((r) => [r.kind, r.at]), [['instructed', NOW], ['applied', NOW + 2000]]);
  assert.deepEqual([history.generation, history.last_change, history.pending], [1, NOW + 2000, null]);

  const other = busy(active, 'bills');
  other.mark('restart', NOW - 7_200_000);
  other.failed(other.decide(NOW).instruction, 'no slots', { now: NOW + 1000 });
  assert.equal(other.history.records[1].reason, 'no slots');
});

test('a snapshot is the task, and what is none is refused', () => {
  const task = busy();
  const bytes = task.snapshot();
  assert.ok(Buffer.isBuffer(bytes));
  const { task: restored, carried } = Task.restore(task.policy, bytes);
  assert.deepEqual(carried, { attributesDropped: [], rulesBegunAnew: [] });
  assert.equal(restored.id, 'orders');
  assert.ok(restored.snapshot().equals(bytes));
  assert.equal(restored.decide(NOW).json(), task.decide(NOW).json());
  throws(() => Task.restore(task.policy, bytes.subarray(0, bytes.length - 1)), SnapshotError, 'snapshot');
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1] ^= 1;
  throws(() => Task.restore(task.policy, damaged), SnapshotError, 'snapshot');
  throws(() => Task.restore(task.policy, Buffer.alloc(0)), SnapshotError, 'snapshot');
});

test('a task goes on under another document', () => {
  const task = busy();
  task.set({ team: 'orders' });
  const next = new Policy({ version: 1, name: 'next', metrics: { cpu: { unit: 'percent', per: 'task_manager', range: [0, 1] } }, rules: [{ name: 'busy', when: 'avg(cpu[5m]) > 80%', then: { parallelism: '7' } }] });
  const carried = task.replacePolicy(next);
  assert.deepEqual(carried.attributesDropped, ['team']);
  assert.equal(task.policy, next);
  assert.equal(task.decide(NOW).changes[0].to, 7);
  task.row({ cpu: 10 }, { now: NOW, instance: 'tm-1' });
});

test('a document runs beside the live one', () => {
  const task = busy();
  const stricter = policy({ name: 'stricter', limits: { parallelism: { min: 1, max: 5 } } });
  assert.deepEqual([task.shadow, task.shadowDecision, task.shadowDifference], [null, null, null]);
  throws(() => task.promoteShadow(), InputError, 'no_shadow');
  throws(() => task.startShadow({}), InputTypeError, 'type');
  assert.equal(task.difference(policy(), NOW), null);
  assert.deepEqual(task.difference(stricter, NOW).other.changes, [{ resource: 'parallelism', from: 4, to: 5 }]);
  throws(() => task.difference(stricter, NOW - 1e6), TaskError, 'time_went_back');

  task.startShadow(stricter);
  assert.deepEqual([task.shadow, task.shadowDecision], [stricter, null]);
  const decision = task.decide(NOW);
  assert.equal(decision.changes[0].to, 6);
  assert.equal(task.shadowDecision.changes[0].to, 5);
  assert.equal(task.shadowDecision.policy, stricter);
  assert.deepEqual([task.shadowDifference.live.changes[0].to, task.shadowDifference.other.changes[0].to], [6, 5]);
  task.promoteShadow();
  assert.deepEqual([task.policy, task.shadow], [stricter, null]);
  assert.equal(task.decide(NOW).changes[0].to, 5);
  assert.equal(task.row({ cpu: 5 }, { now: NOW, at: NOW - 1, instance: 'tm-3' }).stored, 1);
});

test('a shadow is fed what the task is fed, as far as its document knows it', () => {
  const live = policy();
  const other = new Policy({
    version: 1,
    name: 'other',
    // Another order, another kind, and one less.
    metrics: { delay: { kind: 'event' }, aaa: {}, cpu: { unit: 'percent', per: 'task_manager', range: [0, 1] }, exceptions: { kind: 'event' } },
    rules: [
      { name: 'busy', when: 'avg(cpu[5m]) > 80%', then: { parallelism: '7' } },
      { name: 'oom', when: "count(exceptions[30m] =~ 'OutOfMemoryError') > 0", alert: 'out of memory' },
      { name: 'aaa', when: 'aaa > 1 || count(delay[1m]) > 5', alert: 'a' },
    ],
  });
  const feed = (task) => {
    for (let age = 20; age >= 0; age--) {
      const now = NOW - age * 15_000;
      assert.equal(task.row({ cpu: 90, delay: 5 }, { now, instance: 'tm-1' }).stored, 2);
      task.column('cpu', BigInt64Array.of(BigInt(now)), Float64Array.of(94), { now, instance: 'tm-2' });
    }
    task.event('exceptions', 'java.lang.OutOfMemoryError', { now: NOW });
    task.observed('exceptions', { now: NOW });
    task.row({ cpu: 5 }, { now: NOW, instance: 'tm-4' });
    task.end('tm-4', NOW);
    task.readFlinkMetrics([{ id: 'Status.JVM.CPU.Load', value: '95' }], { now: NOW, at: NOW - 7000, instance: 'tm-1' });
  };
  const task = new Task(live, 'orders', { attributes: { parallelism: 4, task_managers: 2 } });
  const alone = new Task(live, 'orders', { attributes: { parallelism: 4, task_managers: 2 } });
  task.startShadow(other);
  feed(task);
  feed(alone);
  assert.ok(task.snapshot().equals(alone.snapshot()), 'the live document is not disturbed');
  assert.equal(task.decide(NOW).json(), alone.decide(NOW).json());
  assert.deepEqual(task.shadowDecision.states, { busy: 'fired', oom: 'fired', aaa: 'undefined' });
  assert.equal(task.shadowDecision.changes[0].to, 7);
  task.stopShadow();
  assert.deepEqual([task.shadow, task.shadowDecision, task.shadowDifference], [null, null, null]);
});

test('what was disposed of says so', () => {
  const task = busy();
  const decision = task.decide(NOW);
  task[Symbol.dispose]();
  task.dispose();
  for (const call of [(t) => t.decide(NOW), (t) => t.row({ cpu: 1 }, { now: NOW }), (t) => t.snapshot(), (t) => t.attributes, (t) => t.set({ parallelism: 1 }), (t) => t.mark('restart', NOW), (t) => t.startShadow(t.policy), (t) => t.stopShadow(), (t) => t.shadowDecision, (t) => t.difference(t.policy, NOW), (t) => t.column('cpu', new BigInt64Array(1), new Float64Array(1), { now: NOW }), (t) => t.nextLook(NOW), (t) => t.history, (t) => t.queries(NOW)]) {
    throws(() => call(task), StateError, 'disposed');
  }
  assert.equal(decision.changes[0].to, 6, 'decisions stay');
});

test('instances come and go without end', () => {
  const task = new Task(policy(), 'orders');
  for (let i = 0; i < 5000; i++) {
    const now = NOW + i * 3_600_000;
    task.decide(now);
    assert.equal(task.row({ cpu: 1 }, { now, instance: `tm-${i}` }).stored, 1);
    assert.equal(task.row({ delay: 1 }, { now, instance: '' }).stored, 1);
  }
});
