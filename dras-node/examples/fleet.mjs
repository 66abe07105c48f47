// A fleet of ten thousand tasks: fed by one column, looked at on the worker pool, while the event loop goes on.
//
//   node fleet.mjs [TASKS]

import { Fleet, Policy } from 'dras';

const tasks = Number(process.argv[2] ?? 10_000);
const policy = new Policy({
  version: 1,
  metrics: { cpu: { per: 'task_manager', range: [0, 1] } },
  rules: [
    { name: 'busy', when: 'avg(cpu[5m]) > 80%', then: { parallelism: 'scale_to(parallelism, avg(cpu[5m]), 60%)' } },
    { name: 'idle', when: 'max(cpu[5m]) < 20%', then: { parallelism: 'scale_to(parallelism, max(cpu[5m]), 60%)' } },
  ],
  limits: { parallelism: { min: 1, max: 64 } },
});

const fleet = new Fleet(policy);
for (let i = 0; i < tasks; i++) fleet.add(`job-${i}`, { attributes: { parallelism: 4, task_managers: 1 } });
const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));

// Every hundredth job is busy, the others are neither busy nor idle.
const now = Date.parse('2027-01-15T08:00:00Z');
const values = Float64Array.from(handles, (_, i) => (i % 100 === 0 ? 0.9 : 0.5));
for (let age = 20; age >= 0; age--) {
  const at = now - age * 15_000;
  fleet.ingest(handles, at, values, { now: at });
}

let turns = 0;
const timer = setInterval(() => turns++, 1);
const begin = performance.now();
const decisions = await fleet.decide(now, { signal: AbortSignal.timeout(60_000) });
const took = performance.now() - begin;
clearInterval(timer);

let more = 0;
for (const decision of decisions) {
  for (const change of decision.changes) more += change.to - change.from;
}
console.log(`${decisions.looked} tasks looked at, ${decisions.changed} with a change, ${more} subtasks more`);
console.error(`in ${took.toFixed(1)} ms, in which the event loop turned ${turns} times`);
console.log(decisions.decision(0).explain());
