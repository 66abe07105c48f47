"""One job: samples in, a decision out, an instruction carried out, and what the guards say afterwards."""

from datetime import UTC, datetime, timedelta

import dras

policy = dras.Policy(
    {
        "version": 1,
        "name": "etl",
        "mode": "active",  # without it, decisions are made and explained, and nothing is instructed
        "strategies": [{"use": "cpu", "params": {"high": "70%", "up_for": "2m"}}],
        "limits": {"parallelism": {"min": 2, "max": 16}},
    }
)
task = dras.Task(policy, "orders")
task.set(parallelism=4, task_managers=2, slots_per_task_manager=2, machine_cores=4)

# A quarter of an hour of scrapes, every 15 seconds, with a look every minute. Your platform has a loop like this one.
now = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
decision = task.decide(now)
for second in range(0, 900, 15):
    now += timedelta(seconds=15)
    for task_manager in ("tm-1", "tm-2"):
        task.row({"cpu": 0.42, "busy": 930, "back_pressured": 0}, now=now, instance=task_manager)
    if second % 60 == 0:
        decision = task.decide(now)
    if decision.instruction:
        break

print(decision)
instruction = decision.instruction
assert instruction is not None and instruction.parallelism is not None

# What that is for Flink, where the job is started again from a savepoint.
for step in instruction.restart_with_savepoint("0123456789abcdef0123456789abcdef", target_directory="s3://savepoints/orders"):
    print(step)

# Say what became of it: the windows begin anew, and the guards count from here.
now += timedelta(minutes=1)
task.applied(instruction, now=now)
print(task.decide(now))
