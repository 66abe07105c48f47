'use strict';
// The package. Its declarations, with their documentation, are in index.d.cts.

const native = require('./lib/native.cjs');
const { translate: _, ...errors } = require('./lib/errors.cjs');
const { Policy, Template } = require('./lib/policy.cjs');
const { Expression, Explanation, FALSE, TRUE, UNDEFINED } = require('./lib/expression.cjs');
const { Task } = require('./lib/task.cjs');
const { Decision } = require('./lib/decision.cjs');
const { Fleet, FleetDecisions } = require('./lib/fleet.cjs');
const { Instruction, deriveMemory, planMemory } = require('./lib/instruction.cjs');
const { Assigner, Library } = require('./lib/documents.cjs');
const { Recording, Replay, replay } = require('./lib/replay.cjs');
const { errorCodes, formatExpression, functions, parseQuantity, schema } = require('./lib/language.cjs');

module.exports = {
  ...errors,
  Assigner,
  Decision,
  Explanation,
  Expression,
  FALSE,
  Fleet,
  FleetDecisions,
  Instruction,
  Library,
  Policy,
  Recording,
  Replay,
  TRUE,
  Task,
  Template,
  UNDEFINED,
  deriveMemory,
  errorCodes,
  formatExpression,
  functions,
  parseQuantity,
  planMemory,
  replay,
  schema,
  version: native.version(),
};
