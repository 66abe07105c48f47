// One task from beginning to end: a document, an hour of samples, a decision, what to say to Flink, and a snapshot.
//
//   node one-task.mjs

import { Policy, Task } from 'dras';

const policy = new Policy({
  version: 1,
  name: 'etl',
  mode: 'active',
  metrics: {
    cpu: { unit: 'percent', per: 'task_manager', across: 'avg', range: [0, 1] },
    exceptions: { kind: 'event' },
  },
  rules: [
    {
      name: 'busy',
      doc: 'the CPU has been busy for ten minutes',
      when: 'avg(cpu[10m]) > 80%',
      then: { parallelism: 'scale_to(parallelism, avg(cpu[10m]), 60%)' },
    },
    { name: 'oom', when: "count(exceptions[30m] =~ 'OutOfMemoryError') > 0", alert: 'the job runs out of memory' },
  ],
  limits: { parallelism: { min: 1, max: 32 } },
});
for (const warning of policy.warnings) console.warn(warning.rendered);

using(new Task(policy, 'orders', { attributes: { parallelism: 4, task_managers: 2 }, labels: { job_name: 'orders' } }), (task) => {
  const now = Date.parse('2027-01-15T08:00:00Z');
  task.mark('restart', now - 7_200_000);

  // An hour of samples of each TaskManager, by column.
  const times = BigInt64Array.from({ length: 240 }, (_, i) => BigInt(now - (239 - i) * 15_000));
  for (const [instance, load] of [['tm-1', 86], ['tm-2', 94]]) {
    task.column('cpu', times, new Float64Array(240).fill(load), { now, instance });
  }
  task.event('exceptions', 'java.lang.OutOfMemoryError: Java heap space', { now, at: now - 60_000 });
  task.observed('exceptions', { now });

  const decision = task.decide(now);
  console.log(decision.explain());

  const { instruction } = decision;
  console.log(`${instruction}`);
  console.log(instruction.configuration().args.join(' '));
  for (const step of instruction.restartWithSavepoint('53f8c3f366d7e18f8f5bfd8b413a1829')) {
    console.log(`- ${step.step}${'call' in step ? `: ${step.call.method} ${step.call.path}` : ''}`);
  }

  // The platform has done it: the windows begin anew, and the guards count from here.
  task.applied(instruction, { now: now + 30_000 });
  console.log(`now ${task.attributes.parallelism} subtasks; next look at ${new Date(task.nextLook(now + 30_000).at).toISOString()}`);

  const bytes = task.snapshot();
  const { task: restored } = Task.restore(policy, bytes);
  console.log(`the same after a restart of the platform: ${restored.snapshot().equals(bytes)}`);
});

/** What `using task = …` does where the language has it. */
function using(resource, work) {
  try {
    work(resource);
  } finally {
    resource[Symbol.dispose]();
  }
}
