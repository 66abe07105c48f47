// The cases that all languages run: what comes out is the same, byte for byte. Their README says what stands in them.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { DrasError, Policy, Task } from 'dras';

const folder = new URL('../cases/', import.meta.url);
const cases = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();

const accepted = (a) => `stored ${a.stored}, ignored ${a.ignored}, resolved ${a.resolved}, refused ${a.refused}, unused ${a.unused}`;

class Run {
  constructor({ document, task }) {
    this.task = new Task(new Policy(document), task.id, { labels: task.labels ?? {} });
    this.task.setFlinkConfiguration(task.flink_configuration ?? {});
    this.task.set(task.attributes ?? {});
  }

  /** Translations are of the instruction that was given last. */
  get given() {
    assert.ok(this.instruction, 'there is an instruction');
    return this.instruction;
  }

  step(name, given, now) {
    const { task } = this;
    const at = given?.at === undefined ? {} : { at: given.at };
    const instance = given?.instance === undefined ? {} : { instance: given.instance };
    switch (name) {
      case 'set':
        return task.set(given);
      case 'flink_configuration':
        return task.setFlinkConfiguration(given);
      case 'row':
        return accepted(task.row(given.values, { now, ...at, ...instance }));
      case 'column': {
        const values = Array.from({ length: given.repeat ?? 1 }, () => given.values).flat();
        const times = BigInt64Array.from(values, (_, i) => BigInt(given.start + i * given.step));
        const taken = task.column(given.metric, times, Float64Array.from(values), { now, ...instance });
        return taken.stored < values.length ? accepted(taken) : undefined;
      }
      case 'event':
        return accepted(task.event(given.metric, given.message, { now, ...at, ...instance }));
      case 'observed':
        return task.observed(given.metric, { now, until: given.until });
      case 'mark':
        return task.mark(given, now);
      case 'read_prometheus':
        return accepted(task.readPrometheus(given.metric, given.body, { now }).accepted);
      case 'read_flink_metrics': {
        const report = task.readFlinkMetrics(given.body, { now, ...at, ...instance });
        return `${accepted(report.accepted)}, notes ${JSON.stringify(report.notes)}`;
      }
      case 'read_flink_exceptions':
        return accepted(task.readFlinkExceptions(given.metric, given.body, { now, ...at }).accepted);
      case 'queries':
        return task.queries(now, { look: given }).map((query) => `${query.metric} ${query.form}`).join('\n');
      case 'next_look': {
        const next = task.nextLook(given);
        return `${next.look} ${next.at}`;
      }
      case 'counters':
        return JSON.stringify(task.counters);
      case 'applied':
        return task.applied(given.key ?? this.given, { now, ...at });
      case 'failed':
        return task.failed(given.key ?? this.given, given.reason, { now, ...at });
      case 'decide': {
        const decision = task.decide(now, { look: given });
        this.instruction = decision.instruction ?? this.instruction;
        assert.deepEqual(JSON.parse(decision.json()), JSON.parse(JSON.stringify(decision)));
        return `${decision.json()}\n${decision}`;
      }
      case 'configuration': {
        const { set, remove } = this.given.configuration();
        return JSON.stringify({ set, remove });
      }
      case 'restart_with_savepoint': {
        const options = given.target_directory === undefined ? {} : { targetDirectory: given.target_directory };
        return JSON.stringify(this.given.restartWithSavepoint(given.job_id, options));
      }
      case 'resource_requirements': {
        const options = given.lower_bound === undefined ? {} : { lowerBound: given.lower_bound };
        return JSON.stringify(this.given.resourceRequirements(given.job, options).body);
      }
      case 'flink_deployment_patch':
        return JSON.stringify(this.given.flinkDeploymentPatch(given.deployment));
      default:
        throw new Error(`there is no step ${name}`);
    }
  }
}

for (const name of cases) {
  test(name, () => {
    const given = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    const run = new Run(given);
    let found = '';
    for (const [number, step] of given.steps.entries()) {
      const [kind] = Object.keys(step).filter((key) => key !== 'now' && key !== 'at');
      let said;
      try {
        said = run.step(kind, step[kind], step.now ?? step.at ?? 0);
      } catch (error) {
        if (!(error instanceof DrasError)) throw error;
        said = `error ${error.code}: ${error.message}`;
      }
      if (said !== undefined) found += `${number} ${kind}: ${said.replaceAll('\n', '\n    ')}\n`;
    }
    assert.equal(found, readFileSync(new URL(name.replace(/json$/, 'expected'), folder), 'utf8'));
  });
}

test('there are cases', () => assert.ok(cases.length >= 15));
