"""dras decides about the resources of running Apache Flink jobs.

You write rules as data, in an expression language that knows metric windows, units and missing values; you feed it metrics; at each look it answers
nothing, or one change of parallelism and memory, with the reasons. It fetches nothing, stores nothing and has no clock: all of that is yours.

>>> import dras
>>> policy = dras.Policy({
...     "version": 1,
...     "metrics": {"delay": {"unit": "ms", "across": "max"}},
...     "rules": [{"name": "late", "when": "min(delay[3m]) > 1m", "then": {"parallelism": "parallelism * 2"}}],
... })
>>> task = dras.Task(policy, "orders", attributes={"parallelism": 4})
>>> now = 1_800_000_000_000  # ms since the epoch, or an aware datetime
>>> times = [now - 165_000 + i * 15_000 for i in range(12)]
>>> task.column("delay", times, [90_000.0] * 12, now=now).stored
12
>>> print(task.decide(now))
orders at 2027-01-15T08:00:00Z: parallelism 4 → 8
  late: fired
    min(delay[3m]) = 1m30s > 1m → true
    ⇒ parallelism 8

**Times** are aware ``datetime`` objects or whole milliseconds since the epoch; a ``datetime`` without a time zone is refused. **Durations** are
``timedelta``, numbers in the declared unit, or texts such as ``"5m"``; **amounts of data** are numbers of bytes or texts such as ``"2GiB"``.

**Threads.** Everything may be used from several threads at once. Long calls release the interpreter, and Ctrl-C ends them; under asyncio,
``asyncio.to_thread`` is all that is needed. Nothing runs between calls, so that ``fork`` is safe, except while another thread is inside a call, and
nothing has to be closed. Subinterpreters cannot load the package (:class:`LoadError`).

**Errors** are :class:`DrasError` and its subclasses; after one, everything is as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Mapping
from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version

from ._data import (
    Accepted,
    Alert,
    Assigned,
    Attribute,
    AwaitSavepointStep,
    Carried,
    Change,
    ConfigurationEntries,
    ConfigureStep,
    Counters,
    Difference,
    DirectionHold,
    ErrorCode,
    Explanation,
    FleetReport,
    Function,
    Guard,
    Held,
    History,
    Hold,
    Input,
    MemoryBreakdown,
    MemoryPlan,
    MemoryStep,
    Metric,
    NextLook,
    ParallelismStep,
    Parameter,
    Part,
    ProcessMemory,
    Proposal,
    Query,
    ReadReport,
    Record,
    Replaced,
    ResourceRequirements,
    ResourceStep,
    RestartStep,
    RestCall,
    Rule,
    RuleOutcome,
    Said,
    StartStep,
    StopStep,
    Summary,
    TaskFailure,
    Undefined,
    Verdict,
    VertexStep,
)
from ._load import refuse_subinterpreters
from .errors import (
    CompileError,
    Diagnostic,
    Diagnostics,
    DrasError,
    ExpressionError,
    InputError,
    InputTypeError,
    InternalError,
    LoadError,
    PolicyError,
    ReadError,
    SnapshotError,
    StateError,
    TaskError,
    TranslationError,
)

try:
    refuse_subinterpreters()
    from ._dras import (
        Assigner,
        Decision,
        Expression,
        Fleet,
        FleetDecisions,
        Instruction,
        Library,
        Policy,
        Recording,
        Replay,
        Task,
        Template,
        derive_memory,
        error_codes,
        format,
        functions,
        parse_quantity,
        plan_memory,
        replay,
        schema,
    )
except ImportError as _error:
    raise LoadError(
        f"the native part of dras cannot be loaded: {_error}. It loads in the main interpreter of CPython 3.11 and later, on the platform of its "
        "wheel; in subinterpreters it does not: use threads, or processes",
        "load",
    ) from _error
del refuse_subinterpreters

try:
    __version__ = _version("dras")
except _PackageNotFoundError:  # the sources, not installed
    __version__ = "0"

FALSE = 0
"""False, in what :meth:`Expression.evaluate_columns` gives for a condition."""
TRUE = 1
"""True, in what :meth:`Expression.evaluate_columns` gives for a condition."""
UNDEFINED = 2
"""Undefined, in what :meth:`Expression.evaluate_columns` gives for a condition."""


def explain(source: str, values: _Mapping[str, object], variables: _Mapping[str, str] | _Iterable[str] | None = None) -> Explanation:
    """The value of every part of an expression, compiled for this once.

    Without ``variables`` the names in ``values`` are: texts and truth values by their type, everything else plain numbers.

    Raises:
        ExpressionError: the text is refused.
        InputError, InputTypeError: as of :meth:`Expression.evaluate`.

    >>> print(explain("cpu > 80% && lag > 5m", {"cpu": 0.91, "lag": 412}, {"cpu": "ratio", "lag": "s"}))
    cpu > 80% && lag > 5m → true
      cpu = 0.91 > 80% → true
      lag = 6m52s > 5m → true
    """
    if not isinstance(values, _Mapping):
        raise InputTypeError(f"the values must be a dict, not {type(values).__name__}", "type")
    if variables is None:
        variables = {name: "text" if isinstance(v, str) else "bool" if isinstance(v, bool) else "number" for name, v in values.items()}
    return Expression(source, variables).explain(values)


__all__ = [
    "FALSE",
    "TRUE",
    "UNDEFINED",
    "Accepted",
    "Alert",
    "Assigned",
    "Assigner",
    "Attribute",
    "AwaitSavepointStep",
    "Carried",
    "Change",
    "CompileError",
    "ConfigurationEntries",
    "ConfigureStep",
    "Counters",
    "Decision",
    "Diagnostic",
    "Diagnostics",
    "Difference",
    "DirectionHold",
    "DrasError",
    "ErrorCode",
    "Explanation",
    "Expression",
    "ExpressionError",
    "Fleet",
    "FleetDecisions",
    "FleetReport",
    "Function",
    "Guard",
    "Held",
    "History",
    "Hold",
    "Input",
    "InputError",
    "InputTypeError",
    "Instruction",
    "InternalError",
    "Library",
    "LoadError",
    "MemoryBreakdown",
    "MemoryPlan",
    "MemoryStep",
    "Metric",
    "NextLook",
    "ParallelismStep",
    "Parameter",
    "Part",
    "Policy",
    "PolicyError",
    "ProcessMemory",
    "Proposal",
    "Query",
    "ReadError",
    "ReadReport",
    "Record",
    "Recording",
    "Replaced",
    "Replay",
    "ResourceRequirements",
    "ResourceStep",
    "RestCall",
    "RestartStep",
    "Rule",
    "RuleOutcome",
    "Said",
    "SnapshotError",
    "StartStep",
    "StateError",
    "StopStep",
    "Summary",
    "Task",
    "TaskError",
    "TaskFailure",
    "Template",
    "TranslationError",
    "Undefined",
    "Verdict",
    "VertexStep",
    "__version__",
    "derive_memory",
    "error_codes",
    "explain",
    "format",
    "functions",
    "parse_quantity",
    "plan_memory",
    "replay",
    "schema",
]
