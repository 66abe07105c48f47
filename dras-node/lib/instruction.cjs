'use strict';

const native = require('./native.cjs');
const { translate } = require('./errors.cjs');
const input = require('./input.cjs');
const { freeze } = require('./freeze.cjs');

const FIELDS = [
  'key',
  'task',
  'at',
  'policy',
  'fingerprint',
  'parallelism',
  'task_manager_memory',
  'job_manager_memory',
  'restart',
  'reasons',
];

/** Calls the addon and reads its answer. */
function ask(work) {
  try {
    return JSON.parse(work());
  } catch (error) {
    throw translate(error);
  }
}

/** The body of an answer of Flink, if there is one. */
const bodyOr = (value, what) => (value === undefined || value === null ? undefined : input.body(value, what));

class Instruction {
  constructor(data) {
    const text = input.bytes(data, 'the instruction') === undefined ? input.json(data, 'the instruction') : input.bytes(data).toString();
    const fields = ask(() => native.checkInstruction(text));
    for (const name of FIELDS) {
      Object.defineProperty(this, name, { value: freeze(fields[name]), enumerable: true });
    }
  }

  get time() {
    return new Date(this.at);
  }

  #json() {
    return JSON.stringify({ ...this });
  }

  resourceRequirements(job, options = undefined) {
    const { present, ...given } = input.options(options, ['scaling', 'lowerBound', 'present'], 'resourceRequirements');
    const body = input.body(job, 'job');
    const bounds = bodyOr(present, 'present');
    const rest = input.json(given, 'the options');
    return ask(() => native.requirements(this.#json(), body, bounds, rest));
  }

  configuration(job = undefined, options = undefined) {
    const given = input.options(options, ['scaling'], 'configuration');
    const scaling = given.scaling === undefined ? 'follow_job' : input.word(given.scaling, 'scaling', ['follow_job', 'proportional']);
    const body = bodyOr(job, 'job');
    return ask(() => native.configurationEntries(this.#json(), body, scaling === 'proportional'));
  }

  restartWithSavepoint(jobId, options = undefined) {
    const given = input.options(options, ['targetDirectory', 'format'], 'restartWithSavepoint');
    const id = input.text(jobId, 'jobId');
    const format = given.format === undefined ? undefined : input.word(given.format, 'format', ['canonical', 'native']).toUpperCase();
    const rest = input.json({ targetDirectory: given.targetDirectory, format }, 'the options');
    return ask(() => native.restart(this.#json(), id, rest));
  }

  flinkDeploymentPatch(deployment = undefined, options = undefined) {
    const { job, ...given } = input.options(options, ['job', 'scaling', 'autoscaler', 'allowStateless'], 'flinkDeploymentPatch');
    const manifest = deployment === undefined || deployment === null ? undefined : input.json(deployment, 'the deployment');
    const body = bodyOr(job, 'job');
    const rest = input.json(given, 'the options');
    return ask(() => native.deploymentPatch(this.#json(), manifest, body, rest));
  }

  toString() {
    return native.describeInstruction(this.#json());
  }

  toJSON() {
    return { ...this };
  }
}

const process_ = (value) => input.word(value, 'the process', ['task_manager', 'job_manager']);

function deriveMemory(process, configuration) {
  const kind = process_(process);
  const entries = input.json(flinkEntries(configuration), 'the configuration');
  return ask(() => native.memory(kind, entries));
}

function planMemory(process, configuration, targets, options = undefined) {
  const kind = process_(process);
  const entries = input.json(flinkEntries(configuration), 'the configuration');
  const given = input.options(options, ['total', 'step'], 'planMemory');
  const total = given.total === undefined ? undefined : input.count(given.total, 'total', Number.MAX_SAFE_INTEGER);
  const step = given.step === undefined ? 1024 * 1024 : input.count(given.step, 'step', Number.MAX_SAFE_INTEGER);
  const wanted = input.json(targets, 'the targets');
  return ask(() => native.memoryPlan(kind, entries, wanted, total, step));
}

/** Entries of a Flink configuration as texts: YAML makes numbers and truth values of some. */
function flinkEntries(configuration) {
  if (typeof configuration !== 'object' || configuration === null || Array.isArray(configuration)) {
    throw input.wrongType(configuration, 'the configuration', 'an object of keys and values');
  }
  const source = configuration instanceof Map ? configuration : Object.entries(configuration);
  const entries = Object.create(null);
  for (const [key, value] of source) {
    const name = input.text(key, 'a key of the configuration');
    const plain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint';
    entries[name] = plain ? String(value) : input.text(value, `the entry \`${name}\``);
  }
  return entries;
}

module.exports = { Instruction, deriveMemory, flinkEntries, planMemory };
