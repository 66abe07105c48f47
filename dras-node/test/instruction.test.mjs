import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, Instruction, ReadError, TranslationError, deriveMemory, planMemory } from 'dras';
import { throws } from './support.mjs';

const MIB = 2 ** 20;
const data = (more = {}) => ({
  key: 'e7e0fd9f79d33657',
  task: 'orders',
  at: 1_800_000_000_000,
  policy: 'etl',
  fingerprint: '0123456789abcdef',
  parallelism: { from: 4, to: 8 },
  task_manager_memory: null,
  job_manager_memory: null,
  restart: 'with_savepoint',
  reasons: ['cpu.up'],
  ...more,
});
const JOB = '53f8c3f366d7e18f8f5bfd8b413a1829';
const job = (more = {}) => ({
  jid: JOB,
  name: 'orders',
  state: 'RUNNING',
  'start-time': 1,
  now: 2,
  timestamps: {},
  vertices: [['a', 4, 6], ['b', 4, 128], ['c', 1, 128]].map(([id, parallelism, maxParallelism]) => ({ id: id.repeat(32), name: id, parallelism, maxParallelism, status: 'RUNNING' })),
  ...more,
});

test('an instruction is data and can be read again', () => {
  const instruction = new Instruction(data());
  assert.deepEqual({ ...instruction }, data());
  assert.deepEqual(JSON.parse(JSON.stringify(instruction)), data());
  assert.deepEqual(new Instruction(JSON.stringify(instruction)), instruction);
  assert.equal(instruction.time.toISOString(), '2027-01-15T08:00:00.000Z');
  assert.equal(String(instruction), 'orders: parallelism 4 → 8, restart with a savepoint, because of cpu.up (policy etl, key e7e0fd9f79d33657)');
  const { reasons, ...without } = data();
  assert.deepEqual(new Instruction(without).reasons, []);
  throws(() => new Instruction({ ...data(), extra: 1 }), InputError, 'shape', /unknown field `extra`/);
  throws(() => new Instruction({ task: 'x' }), InputError, 'shape', /missing field/);
  throws(() => new Instruction('{'), InputError, 'shape');
});

test('configuration', () => {
  const memory = { from: 1728 * MIB, to: 1992 * MIB, entries: [['taskmanager.memory.process.size', '1992m']] };
  const entries = new Instruction(data({ task_manager_memory: memory })).configuration();
  assert.deepEqual(entries.args, ['-Dparallelism.default=8', '-Dtaskmanager.memory.process.size=1992m']);
  assert.equal(entries.flinkConf, 'parallelism.default: 8\ntaskmanager.memory.process.size: 1992m\n');
  assert.deepEqual(entries.remove, ['pipeline.jobvertex-parallelism-overrides']);
  const vertices = new Instruction(data()).configuration(job(), { scaling: 'proportional' });
  assert.match(vertices.set['pipeline.jobvertex-parallelism-overrides'], /:6,.*:8,.*:2$/);
  throws(() => new Instruction(data({ parallelism: null })).configuration(), TranslationError, 'nothing_to_change');
});

test('in place', () => {
  const instruction = new Instruction(data({ restart: 'in_place' }));
  const requirements = instruction.resourceRequirements(job());
  assert.deepEqual(requirements.body, {
    ['a'.repeat(32)]: { parallelism: { lowerBound: 1, upperBound: 6 } },
    ['b'.repeat(32)]: { parallelism: { lowerBound: 1, upperBound: 8 } },
    ['c'.repeat(32)]: { parallelism: { lowerBound: 1, upperBound: 1 } },
  });
  assert.deepEqual([requirements.call.method, requirements.call.path], ['PUT', `/jobs/${JOB}/resource-requirements`]);
  assert.equal(requirements.vertices[0].note, '8 wanted, its max parallelism is 6');
  const present = Object.fromEntries(job().vertices.map(({ id }) => [id, { parallelism: { lowerBound: 2, upperBound: 4 } }]));
  const kept = instruction.resourceRequirements(JSON.stringify(job()), { present, lowerBound: 'keep' });
  assert.deepEqual(kept.body['b'.repeat(32)], { parallelism: { lowerBound: 2, upperBound: 8 } });
  throws(() => instruction.resourceRequirements(job(), { lowerBound: 'keep' }), TranslationError, 'no_present_bounds');
  throws(() => instruction.resourceRequirements(job(), { lowerBound: 'most' }), InputError, 'shape', /most/);
  throws(() => instruction.resourceRequirements(job(), { lower: 'keep' }), InputError, 'unknown_option');
  throws(() => instruction.resourceRequirements('<html>'), ReadError, 'not_json', /^job: /);
  throws(() => new Instruction(data()).resourceRequirements(job()), TranslationError, 'not_in_place');
});

test('with a savepoint', () => {
  const steps = new Instruction(data()).restartWithSavepoint(JOB, { targetDirectory: 's3://savepoints', format: 'native' });
  assert.deepEqual(steps.map((s) => s.step), ['stop', 'await_savepoint', 'configure', 'start']);
  assert.deepEqual(steps[0].call.body, { drain: false, formatType: 'NATIVE', targetDirectory: 's3://savepoints', triggerId: '0000000000000000e7e0fd9f79d33657' });
  throws(() => new Instruction(data()).restartWithSavepoint('x'), TranslationError, 'bad_job_id');
  throws(() => new Instruction(data()).restartWithSavepoint(JOB, { format: 'zip' }), InputError, 'unknown_word');
});

test('for the Kubernetes operator', () => {
  const deployment = { kind: 'FlinkDeployment', spec: { flinkConfiguration: {}, taskManager: { resource: { memory: '1728m', cpu: 1 } }, job: { parallelism: 4, upgradeMode: 'savepoint' } } };
  assert.deepEqual(new Instruction(data()).flinkDeploymentPatch(deployment), { spec: { job: { parallelism: 8 } } });
  assert.deepEqual(new Instruction(data()).flinkDeploymentPatch(), { spec: { job: { parallelism: 8 } } });
  const stateless = structuredClone(deployment);
  stateless.spec.job.upgradeMode = 'stateless';
  throws(() => new Instruction(data()).flinkDeploymentPatch(stateless), TranslationError, 'stateless');
  assert.ok(new Instruction(data()).flinkDeploymentPatch(stateless, { allowStateless: true }));
  const scaled = structuredClone(deployment);
  scaled.spec.flinkConfiguration['job.autoscaler.enabled'] = 'true';
  throws(() => new Instruction(data()).flinkDeploymentPatch(scaled), TranslationError, 'autoscaler');
  assert.equal(new Instruction(data()).flinkDeploymentPatch(scaled, { autoscaler: 'disable' }).spec.flinkConfiguration['job.autoscaler.scaling.enabled'], 'false');
});

test("Flink's memory", () => {
  const configuration = { 'taskmanager.memory.process.size': '4096m' };
  const memory = deriveMemory('task_manager', configuration);
  assert.equal(memory.process, 4096 * MIB);
  assert.equal(memory.metaspace, 256 * MIB);
  const plan = planMemory('task_manager', configuration, { metaspace: 320 * MIB }, { total: 5120 * MIB });
  assert.deepEqual(plan.entries, { 'taskmanager.memory.process.size': '5120m', 'taskmanager.memory.jvm-metaspace.size': '320m' });
  assert.equal(plan.before.process, 4096 * MIB);
  throws(() => deriveMemory('task_manager', { 'taskmanager.memory.process.size': '100m' }), InputError, deriveCode());
  throws(() => deriveMemory('gateway', configuration), InputError, 'unknown_word');
  throws(() => planMemory('task_manager', configuration, { heap: 1 }), InputError, 'shape');
});

function deriveCode() {
  try {
    deriveMemory('task_manager', { 'taskmanager.memory.process.size': '100m' });
  } catch (error) {
    assert.match(error.code, /^[a-z_]+$/);
    return error.code;
  }
  return '';
}
