"""Many jobs, fed by one answer of Prometheus for each metric.

The answers are made up here; with a Prometheus at hand, send the query and hand over the body of the answer as it came.
"""

import json

import dras

policy = dras.Policy(
    {
        "version": 1,
        "name": "late jobs",
        "metrics": {"delay": {"unit": "ms", "per": "subtask", "across": "max", "instance_label": "subtask_index"}},
        "rules": [{"name": "late", "when": "min(delay[3m]) > 1m", "then": {"parallelism": "parallelism * 2"}}],
        "limits": {"parallelism": {"max": 32}},
    }
)

fleet = dras.Fleet(policy, (f"job-{i}" for i in range(1000)))
fleet.set("parallelism", dict.fromkeys(fleet, 4))

# One query for all jobs: max by (job_name, subtask_index) (flink_taskmanager_job_task_operator_currentEmitEventTimeLag)
now = 1_800_000_000_000
series = [
    {
        "metric": {"job_name": f"job-{i}", "subtask_index": str(subtask)},
        "values": [[(now - age) / 1000, "95000" if i % 100 == 7 else "800"] for age in range(180_000, -1, -15_000)],
    }
    for i in range(1000)
    for subtask in range(4)
]
body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}).encode()

report = fleet.read_prometheus("delay", body, label="job_name", now=now)
print(f"{report.accepted.stored} samples, {len(report.errors)} jobs could not take theirs")

# All cores, without holding the interpreter; only decisions that matter come back.
decisions = fleet.decide(now)
print(f"{decisions.looked} jobs were looked at, {len(decisions)} matter")
for decision in decisions:
    for change in decision.changes:
        print(f"{decision.task}: {change.resource} {change.from_:g} → {change.to:g}, because of {', '.join(change.rules)}")

assert [d.task for d in decisions] == [f"job-{i}" for i in range(7, 1000, 100)]
