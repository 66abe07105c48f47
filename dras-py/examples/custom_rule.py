"""A rule of your own: written, tried out on single rows and on a column of them, put into a document, and looked into."""

import dras

# The condition alone, with the units in which the values come.
source = "lag > 5m && (cpu > 80% || heap_used / heap_max > 90%)"
variables = {"lag": "ms", "cpu": "percent", "heap_used": "MiB", "heap_max": "MiB"}
rule = dras.Expression(source, variables)

print(dras.format("lag>5m&&(cpu>80%||heap_used/heap_max>90%)"))
print(rule.explain({"lag": 412_000, "cpu": 45, "heap_used": 1900, "heap_max": 2048}))

# What is not known is undefined, which is not true; and false, where it does not matter.
assert not rule.evaluate({"lag": 412_000, "cpu": 45, "heap_used": None, "heap_max": 2048})
assert rule(lag=1_000, cpu=45) is False

# Over whole columns, to see how often it would have fired last month.
try:
    import numpy as np
except ImportError:
    pass
else:
    rows = 100_000
    random = np.random.default_rng(7)
    columns = {
        "lag": random.exponential(120_000, rows),
        "cpu": random.uniform(20, 95, rows),
        "heap_used": random.uniform(800, 2000, rows),
        "heap_max": np.full(rows, 2048.0),
    }
    fired = rule.evaluate_columns(columns) == dras.TRUE
    print(f"it would have fired in {fired.mean():.1%} of the rows")

# In a document: over windows, with a time that it must hold, and as an alert. Mistakes are found before it is in force.
document = {
    "version": 1,
    "metrics": {
        "lag": {"unit": "ms", "across": "max"},
        "cpu": {"unit": "percent", "per": "task_manager", "range": [0, 1]},
    },
    "params": {"late": {"value": "5m", "min": "10s", "doc": "how late is too late"}},
    "rules": [
        {"name": "slow", "when": "min(lag[5m]) > late && avg(cpu[5m]) > 80%", "for": "2m", "then": {"parallelism": "ceil(parallelism * 1.5)"}},
        {"name": "stuck", "when": "min(lag[5m]) > late && avg(cpu[5m]) < 10%", "alert": "late without using CPU: is a sink blocked?"},
    ],
}
policy = dras.Policy(document)
for compiled in policy.rules:
    print(f"{compiled.name}: holds for {compiled.hold}, at {compiled.path}")

try:
    dras.Policy({**document, "rules": [{"name": "slow", "when": "lag > 5 && cpu > 180%", "then": {"parallelism": "2"}}]})
except dras.PolicyError as error:
    print(error)
    assert {d.code for d in error.diagnostics.errors} == {"E0303"}
