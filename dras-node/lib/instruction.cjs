'use strict';

const native = require('./native.cjs');
const { translate } = require('./errors.cjs');
const input = require('./input.cjs');

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

/** The vertices of a job: as they are, or in the body of `GET /jobs/:jobid`. */
function vertexList(value) {
  return input.json(Array.isArray(value) ? value : verticesOf(value), 'the vertices');
}

function verticesOf(body) {
  const bytes = input.body(body, 'the body');
  return ask(() => native.vertices(bytes));
}

class Instruction {
  constructor(data) {
    const text = typeof data === 'string' ? input.text(data, 'the instruction') : input.json(data, 'the instruction');
    let fields;
    try {
      // Checks it too.
      native.describeInstruction(text);
      fields = JSON.parse(text);
    } catch (error) {
      throw translate(error);
    }
    for (const name of FIELDS) {
      const value = fields[name] ?? (name === 'reasons' ? [] : null);
      Object.defineProperty(this, name, { value: Object.freeze(value), enumerable: true });
    }
  }

  #json() {
    return JSON.stringify({ ...this });
  }

  resourceRequirements(vertices, options = undefined) {
    const given = input.options(options, ['scaling', 'lowerBound', 'present', 'scheduler', 'jobId'], 'resourceRequirements');
    const present = given.present === undefined || given.present === null ? undefined : presentOf(given.present);
    const all = vertexList(vertices);
    const rest = input.json({ ...given, present }, 'the options');
    return ask(() => native.requirements(this.#json(), all, rest));
  }

  restartWithSavepoint(jobId, options = undefined) {
    const given = input.options(options, ['targetDirectory', 'format'], 'restartWithSavepoint');
    const id = input.text(jobId, 'jobId');
    const rest = input.json({ ...given }, 'the options');
    return ask(() => native.restart(this.#json(), id, rest));
  }

  configuration(options = undefined) {
    const given = input.options(options, ['vertices', 'scaling'], 'configuration');
    const scaling = given.scaling === undefined ? 'follow_job' : input.word(given.scaling, 'scaling', ['follow_job', 'proportional']);
    const vertices = given.vertices === undefined ? undefined : vertexList(given.vertices);
    return ask(() => native.configurationEntries(this.#json(), vertices, scaling === 'proportional'));
  }

  deploymentPatch(options = undefined) {
    const given = input.options(options, ['deployment', 'vertices', 'scaling', 'autoscaler', 'allowStateless'], 'deploymentPatch');
    const vertices = given.vertices === undefined ? undefined : JSON.parse(vertexList(given.vertices));
    const rest = input.json({ ...given, vertices }, 'the options');
    return ask(() => native.deploymentPatch(this.#json(), rest));
  }

  toString() {
    return native.describeInstruction(this.#json());
  }

  toJSON() {
    return { ...this };
  }
}

/** Present bounds as they are, or in the body of `GET /jobs/:jobid/resource-requirements`. */
function presentOf(value) {
  const plain = typeof value === 'object' && !ArrayBuffer.isView(value) && Object.values(value).every((b) => typeof b?.lower === 'number');
  if (plain) return value;
  const bytes = input.body(value, 'present');
  return ask(() => native.presentRequirements(bytes));
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

module.exports = { Instruction, deriveMemory, flinkEntries, planMemory, verticesOf };
