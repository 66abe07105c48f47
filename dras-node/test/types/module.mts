// Compiled, not run: what the declarations promise, and what they refuse.

import dras, {
  Assigner,
  type Change,
  type Decision,
  type Diagnostic,
  DrasError,
  Expression,
  Fleet,
  type FleetDecisions,
  Instruction,
  type InstructionData,
  Library,
  Policy,
  PolicyError,
  Recording,
  type Replay,
  type Resource,
  type RestartStep,
  Task,
  Template,
  deriveMemory,
  functions,
  planMemory,
  replay,
  version,
} from 'dras';

/** Fails to compile where the types are not the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;

const policy = new Policy({ version: 1, rules: [] });
new Policy('{}');
new Policy(Buffer.from('{}'));
// @ts-expect-error a number is no document
new Policy(5);
// @ts-expect-error
new Policy();
// @ts-expect-error nothing of a policy can be changed
policy.name = 'x';
// @ts-expect-error
policy.rules.push(1);
same<typeof policy.mode, 'monitor' | 'active'>(true);

const task: Task = new Task(policy, 'orders', { attributes: { parallelism: 4, team: 'x', batch: true, old: null }, labels: { a: 'b' } });
task.row({ cpu: 1, delay: '5m', none: null, big: 5n }, { now: Date.now() });
task.row({ cpu: 1 }, { now: new Date(), at: 5, instance: 'tm-1' });
// @ts-expect-error the time is needed
task.row({ cpu: 1 });
// @ts-expect-error
task.row({ cpu: 1 }, {});
// @ts-expect-error times are no texts
task.row({ cpu: 1 }, { now: 'today' });
// @ts-expect-error
task.row({ cpu: true }, { now: 1 });
task.column('cpu', new BigInt64Array(1), new Float64Array(1), { now: 1 });
task.column('cpu', new Float64Array(1), new Float64Array(1), { now: 1n, instance: 'x' });
// @ts-expect-error
task.column('cpu', [1], [1], { now: 1 });
// @ts-expect-error
task.column('cpu', new BigInt64Array(1), new Float32Array(1), { now: 1 });
// @ts-expect-error
task.mark('reboot', 1);
task.setFlinkConfiguration({ a: '1', b: 2, c: true });
task.setFlinkConfiguration(new Map([['a', '1']]));
same<ReturnType<Task['snapshot']>, Buffer>(true);
const { task: restored, carried } = Task.restore(policy, task.snapshot());
same<typeof restored, Task>(true);
same<typeof carried.attributesDropped, string[]>(true);

const decision: Decision = task.decide(Date.now(), { look: 'short' });
// @ts-expect-error
task.decide(Date.now(), { look: 'quick' });
const change: Change | undefined = decision.changes[0];
if (change) {
  same<typeof change.resource, Resource>(true);
  const more: number = change.to - change.from;
  void more;
}
const instruction: Instruction | null = decision.instruction;
// @ts-expect-error it may be null
instruction.key;
if (instruction) {
  const data: InstructionData = instruction.toJSON();
  new Instruction(data);
  new Instruction(JSON.stringify(data));
  const steps: RestartStep[] = instruction.restartWithSavepoint('x', { format: 'native' });
  for (const step of steps) {
    if (step.step === 'stop') step.call.path.length;
    // @ts-expect-error only some steps are calls
    step.call;
  }
  instruction.resourceRequirements({}, { lowerBound: 'keep', present: '{}' }).call.path.length;
  // @ts-expect-error
  instruction.resourceRequirements({}, { lowerBound: 'most' });
  instruction.configuration(undefined, { scaling: 'proportional' }).args.join(' ');
  instruction.flinkDeploymentPatch({}, { allowStateless: true }).spec;
  task.applied(instruction, { now: 1 });
}
task.applied('key', { now: 1, at: 1 });
task.failed('key', 'why', { now: 1 });
for (const rule of decision.rules) {
  if (rule.state === 'undefined') (rule.undefined satisfies string | null);
  // @ts-expect-error there is no such state
  rule.state === 'unknown';
}
// @ts-expect-error decisions are made by tasks
new dras.Decision();

const expression = new Expression('a > 1', { a: 'number' });
new Expression('a > 1', ['a']);
same<ReturnType<typeof expression.evaluate>, number | boolean | string | undefined>(true);
expression.evaluate({ a: 1 });
expression.evaluate({ a: null, b: undefined, c: 'x', d: 1n, e: true });
// @ts-expect-error
expression.evaluate({ a: new Date() });
// @ts-expect-error
expression.evaluateRow([1]);
expression.evaluateColumns({ a: new Float64Array(1) }).length;
same<ReturnType<typeof expression.evaluateRow>, number | boolean | undefined>(true);
const bytes = new Uint8Array(1);
same<typeof bytes, Uint8Array<ArrayBuffer>>(true);
expression.evaluateColumns({ a: new Float64Array(1) }, bytes).subarray(0, 1);
// @ts-expect-error
expression.evaluateColumns({ a: new Float64Array(1) }, new Int8Array(1));
// @ts-expect-error
expression.evaluateColumns({ a: [1] });

const fleet = new Fleet(policy, ['a', 'b']);
const decisions: Promise<FleetDecisions> = fleet.decide(1, { signal: AbortSignal.timeout(5), keep: 'all', tasks: new Set(['a']), threads: 2 });
for (const one of await decisions) one.explain();
for (const one of fleet) one.id;
fleet.ingest([1], 5, new Float64Array(1), { now: 1 });
fleet.ingest(new Uint32Array(1), new BigInt64Array(1), new Float64Array(1), { now: 1 });
// @ts-expect-error
await fleet.decide(1, { signal: 5 });
(await decisions).errors.map((failure) => failure.error.code.length);

const report = await fleet.ingestAsync([1], 5, new Float64Array(1), { now: 1, threads: 2, signal: AbortSignal.timeout(5) });
same<typeof report.accepted.stored, number>(true);
// @ts-expect-error the time is needed
await fleet.ingestAsync([1], 5, new Float64Array(1));
// @ts-expect-error
fleet.ingest([1], 5, new Float32Array(1), { now: 1 });
(await fleet.readPrometheusAsync('cpu', Buffer.alloc(1), { label: 'job', now: 1 })).notes.join();
// @ts-expect-error the label is needed
fleet.readPrometheus('cpu', '{}', { now: 1 });
(await fleet.differences(policy, 1, { threads: 1 }))[0]?.other.changes[0]?.to;
(await fleet.replacePolicy(policy, { now: 1 })).carried['a']?.rulesBegunAnew.length;
// @ts-expect-error
await fleet.replacePolicy(policy);
same<ReturnType<typeof fleet.startShadow>, Promise<void>>(true);
fleet.set('parallelism', { a: 1, b: '2', c: null }).map((failure) => failure.task.length);
fleet.set('parallelism', new Map([['a', 1]]));
// @ts-expect-error
fleet.set('parallelism', { a: {} });

task.startShadow(policy);
const shadow: Policy | null = task.shadow;
task.shadowDecision?.changes.length;
task.shadowDifference?.live.held[0]?.[0].to;
// @ts-expect-error
task.shadow = shadow;
task.difference(policy, 1)?.at.toFixed();

const recording = new Recording('orders', { labels: { a: 'b' } });
recording.series('cpu', new BigInt64Array(1), new Float64Array(1), { instance: 'tm-1' });
// @ts-expect-error
recording.series('cpu', [1], [1]);
// @ts-expect-error the time is needed
recording.event('exceptions', 'x');
recording.set({ parallelism: 4, team: 'x', batch: true }, new Date());
// @ts-expect-error
recording.set({ parallelism: null }, 1);
recording.span?.from.toFixed();
const replayed: Replay = await replay(policy, recording, { follow: '1m', keep: 'all', onProgress: (share) => share.toFixed() });
same<typeof replayed.summary.restarts_per_day, number | null>(true);
for (const one of replayed) one.explain();
// @ts-expect-error
await replay(policy, {});
// @ts-expect-error
await replay(policy, recording, { keep: 'some' });
// @ts-expect-error replays are made by replay
new dras.Replay();
{
  const disposables: Disposable[] = [fleet, recording];
  void disposables;
}
policy.guards.excluded?.[0]?.daily?.length;
policy.limits.total?.cores?.toFixed();
policy.limits.parallelism?.min?.toString();
// @ts-expect-error
policy.limits.cpu;
// @ts-expect-error
policy.document.rules = [];

try {
  new Policy({});
} catch (error) {
  if (error instanceof PolicyError) {
    same<typeof error.diagnostics, readonly Diagnostic[]>(true);
    const { span, source } = error.diagnostics[0]!;
    // @ts-expect-error there may be no source
    source.slice();
    if (span && source) source.slice(span.start, span.end);
  }
  if (error instanceof DrasError) error.code.length;
}

const library = new Library([{ version: 1 }]);
same<ReturnType<typeof library.policy>, Policy>(true);
new Assigner({}).assign({ a: 1 }).document satisfies string | null;
Template.all()[0]!.document;
deriveMemory('task_manager', { a: '1g' }).process.toFixed();
// @ts-expect-error
deriveMemory('gateway', {});
planMemory('task_manager', {}, { metaspace: 1 }).after.metaspace;
// @ts-expect-error
planMemory('task_manager', {}, { heap: 1 });
functions()[0]!.examples[0]!.source.length;
version.length;
{
  const disposable: Disposable = task;
  void disposable;
}
same<typeof dras.Policy, typeof Policy>(true);
