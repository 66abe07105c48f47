"""The native part of the package. Import its classes from ``dras``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

from ._data import (
    Accepted,
    Alert,
    Assigned,
    Attribute,
    Carried,
    Change,
    ConfigurationEntries,
    Counters,
    Difference,
    ErrorCode,
    Explanation,
    FleetReport,
    Function,
    Guard,
    Held,
    History,
    Input,
    Look,
    MemoryBreakdown,
    MemoryPlan,
    MemoryStep,
    Metric,
    NextLook,
    ParallelismStep,
    Parameter,
    Process,
    ProcessMemory,
    Query,
    ReadReport,
    Replaced,
    ResourceRequirements,
    ResourceStep,
    RestartStep,
    Rule,
    RuleOutcome,
    RuleState,
    Said,
    Summary,
    TaskFailure,
    Undefined,
)
from .errors import Diagnostics

_Time: TypeAlias = datetime | SupportsIndex
"""An aware ``datetime``, or whole milliseconds since the epoch."""

_Number: TypeAlias = SupportsFloat | timedelta | str
"""A number in the declared unit; for durations also a ``timedelta`` or a text such as ``"5m"``, for amounts of data a text such as ``"2GiB"``."""

_Text: TypeAlias = str | bytes | bytearray | memoryview
"""JSON as text or as bytes in UTF-8."""

_Body: TypeAlias = _Text | dict[str, Any] | list[Any]
"""The body of an answer as it came, or what something made of its JSON."""

_Floats: TypeAlias = npt.NDArray[Any] | Buffer | Sequence[SupportsFloat]
"""A column of numbers: a NumPy array or another contiguous buffer of ``float64``, read where it lies; or a list."""

_Times: TypeAlias = npt.NDArray[Any] | Buffer | Sequence[_Time]
"""A column of times: a NumPy array or another contiguous buffer of ``int64``, in ms since the epoch, read where it lies; an array of
``datetime64``, which is UTC; or a list."""

__all__ = [
    "Assigner",
    "Decision",
    "Expression",
    "Fleet",
    "FleetDecisions",
    "Instruction",
    "Library",
    "Policy",
    "Recording",
    "Replay",
    "Task",
    "Template",
    "derive_memory",
    "error_codes",
    "format",
    "functions",
    "parse_quantity",
    "plan_memory",
    "replay",
    "schema",
]

def format(source: str, /) -> str:
    """The canonical form of an expression.

    >>> import dras
    >>> dras.format("cpu>80%&&( lag > 5m )")
    'cpu > 80% && lag > 5m'

    Raises:
        ExpressionError: it cannot be parsed.
    """

def functions() -> tuple[Function, ...]:
    """All functions of the expression language, with their documentation and examples."""

def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of rule documents: every field with its type and its explanation."""

def error_codes() -> tuple[ErrorCode, ...]:
    """All codes of diagnostics: what each names, why it is a mistake, what to do, and an input that produces it."""

def parse_quantity(text: str, /) -> tuple[float, str]:
    """What a text such as ``"5m"``, ``"2GiB"`` or ``"80%"`` is worth in seconds, bytes or plain numbers, and of what unit it is: ``s``,
    ``B``, ``number``.

    >>> import dras
    >>> dras.parse_quantity("1h30m")
    (5400.0, 's')

    Raises:
        InputError: it is no number with a unit.
    """

def derive_memory(process: Process, configuration: Mapping[str, str | float | bool], /) -> MemoryBreakdown:
    """What Flink makes of a memory configuration, to the byte: every component of a process.

    >>> import dras
    >>> dras.derive_memory("task_manager", {"taskmanager.memory.process.size": "1728m"}).task_heap
    402653174

    Raises:
        InputError: Flink, or its JVM, would not start with it; the message says which rule is broken, with its numbers.
    """

def plan_memory(
    process: Process,
    configuration: Mapping[str, str | float | bool],
    targets: Mapping[str, _Number],
    /,
    *,
    total: _Number | None = None,
    step: _Number | None = None,
) -> MemoryPlan:
    """The smallest configuration in which components are at least as large as asked, in the style of the present one.

    ``targets`` are bytes, or texts such as ``"512MiB"``, by the name of the component: ``task_heap``, ``managed`` … ``total`` is the process memory
    to reach, upwards or downwards; sizes are multiples of ``step``, which is 1 MiB where it is left out.

    >>> import dras
    >>> plan = dras.plan_memory("task_manager", {"taskmanager.memory.process.size": "1728m"}, {"task_heap": "512MiB"})
    >>> plan.entries
    {'taskmanager.memory.process.size': '1992m'}

    Raises:
        InputError: Flink would not start with the present configuration, there is no such component, or no configuration does what is asked.
    """

def replay(
    policy: Policy,
    recording: Recording,
    *,
    start: _Time | None = None,
    end: _Time | None = None,
    follow: _Number | None = None,
    keep: Literal["matters", "all"] | None = None,
    progress: Callable[[float], object] | None = None,
) -> Replay:
    """Looks at a recording as often as the document's ``timing`` says, as a platform would have, with the interpreter released.

    The recorded metrics stay what they were: a replay shows when and why a document acts and what its guards hold back, and is no model of what
    another parallelism would have done to the job. With ``follow`` each instruction is taken as applied after that time; without it, none is.
    Decisions that matter are kept, with ``keep="all"`` all of them. ``progress`` is called now and then with the share that is done; Ctrl-C, or
    an exception of ``progress``, ends the replay.

    Raises:
        TaskError: the recording is empty, has no metric of the document, or an attribute of another type than the document says.
    """

@final
class Policy:
    """A compiled rule document: immutable, shared by all tasks of a kind.

    It is made of a ``dict``, or of JSON as ``str`` or ``bytes``. In a ``dict``, ``timedelta`` may stand for durations.

    Policies are equal where their documents mean the same; they can be hashed, copied and pickled.

    >>> import dras
    >>> rule = {"name": "up", "when": "uptime > 5m && parallelism < 2", "then": {"parallelism": "2"}}
    >>> dras.Policy({"version": 1, "name": "small", "rules": [rule]})
    <Policy "small": 1 rule (up)>

    Raises:
        PolicyError: the document is refused; its ``diagnostics`` say everything that is wrong with it, with path, line and column.
    """

    def __new__(cls, document: Mapping[str, Any] | _Text, /) -> Policy: ...
    @property
    def name(self) -> str:
        """The name of the document."""
    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell this document from others; equal documents have equal ones, on every machine and in every language."""
    @property
    def mode(self) -> Literal["monitor", "active"]:
        """What becomes of decisions: ``monitor`` gives no instructions."""
    @property
    def warnings(self) -> Diagnostics:
        """What is odd about the document, though it compiles."""
    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which decisions report them."""
    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the document and its strategies declare, by name."""
    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes that expressions may use, built-in ones among them."""
    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, by name, with the value that counts, its range, the strategy's default and where the value comes from."""
    @property
    def limits(self) -> dict[str, Any]:
        """The least and most of each resource, as in a document."""
    @property
    def guards(self) -> dict[str, Any]:
        """What holds changes back, as in a document."""
    @property
    def document(self) -> dict[str, Any]:
        """The document that it was made of."""
    def lint(self, *, retention: _Number | None = None) -> Diagnostics:
        """What is odd about the rules beside each other: conditions that are never or always true, rules that contradict or repeat each other,
        thresholds in the wrong order, rules that go up and down for ever at a constant load; each with an example where there is one.

        ``retention`` is how far back samples can be had; windows that reach further are reported.
        """
    def bytes_per_task(self, task_managers: int | None = None) -> int:
        """What the windows of a task with that many TaskManagers (one, where it is left out) may take of memory, known before anything runs.

        Raises:
            InputError: the number is negative or huge.
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Policy: ...
    def __deepcopy__(self, memo: Any, /) -> Policy: ...
    def _repr_html_(self) -> str: ...

@final
class Template:
    """A built-in strategy, by its name: a document of rules and parameters that other documents use with ``{"use": name}``.

    Raises:
        InputError: there is none of that name; the message lists those there are.
    """

    def __new__(cls, name: str, /) -> Template: ...
    @staticmethod
    def all() -> tuple[Template, ...]:
        """All built-in strategies, by name."""
    @property
    def name(self) -> str:
        """Its name."""
    @property
    def doc(self) -> str:
        """What it sees and does."""
    @property
    def params(self) -> dict[str, Any]:
        """Its parameters, by the names under which a document sets them, with what a document says of a parameter."""
    @property
    def document(self) -> dict[str, Any]:
        """Everything that it consists of: a document that works as it stands."""
    def to_json(self) -> str:
        """The same as indented JSON."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Expression:
    """One compiled expression over values that the caller has, without documents and tasks.

    ``variables`` are the names that it may use: a mapping to what they hold, which is ``"bool"``, ``"text"`` or the unit in which their numbers are
    given (``"number"``, ``"percent"``, ``"s"``, ``"ms"``, ``"MiB"``, ``"records/s"`` …); or just names, of plain numbers.

    >>> import dras
    >>> hot = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "ms"})
    >>> hot(cpu=0.91, lag=412_000)
    True
    >>> hot.evaluate({"cpu": 0.91, "lag": None})
    Undefined(reason='not_available', text='the source had no value (NaN)', details={})

    Expressions are equal where text and variables are; they can be hashed and pickled, and used from several threads.

    Raises:
        ExpressionError: the text is refused; its ``diagnostics`` say everything that is wrong with it.
        InputError: a name or unit of a variable is none.
    """

    def __new__(cls, source: str, variables: Mapping[str, str] | Iterable[str] | None = None) -> Expression: ...
    @property
    def source(self) -> str:
        """The text that it was made of."""
    @property
    def type(self) -> str:
        """What its value is: ``bool``, ``text``, ``number``, ``s`` (seconds), ``B`` (bytes), ``B/s`` …"""
    @property
    def variables(self) -> dict[str, str]:
        """The variables with what they hold."""
    @property
    def used(self) -> tuple[str, ...]:
        """The variables that its value depends on."""
    @property
    def warnings(self) -> Diagnostics:
        """What is odd about it, though it compiles."""
    def evaluate(self, values: Mapping[str, object], /) -> bool | float | str | Undefined:
        """Its value. Numbers are in seconds, bytes or plain numbers, as ``type`` says.

        A variable that is missing in ``values``, ``None`` or NaN is undefined; other names in ``values`` are not looked at.

        Raises:
            InputTypeError: a value is not of its variable's type.
            InputError: a number is too large, or a text is not of its variable's unit.
        """
    def __call__(self, **values: object) -> bool | float | str | Undefined:
        """The same with values as keyword arguments."""
    def explain(self, values: Mapping[str, object], /) -> Explanation:
        """The value of every part of it. Costs far more than evaluating."""
    def evaluate_columns(self, columns: Mapping[str, _Floats], /) -> npt.NDArray[np.uint8] | npt.NDArray[np.float64]:
        """Its values for many rows: row `i` has the `i`-th value of each column. The interpreter is released meanwhile.

        A condition gives ``uint8``: ``dras.FALSE``, ``dras.TRUE`` or ``dras.UNDEFINED``. A number gives ``float64``, NaN where it is undefined. In
        columns NaN and infinities are undefined; truth values are 0 and 1. A variable without a column is undefined in every row.

        Needs NumPy (``pip install "dras[numpy]"``). Columns are read where they lie: do not write to them meanwhile from another thread.

        Raises:
            InputTypeError: a column is of another element type or does not lie in one piece.
            InputError: columns are not equally long, or the expression uses texts.
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Task:
    """One running Flink job, as dras sees it: its attributes, the windows of its metrics, how long each rule's condition has held, and its history.

    ``now`` is the present, which must not go back for one task; ``at`` is when something happened, and the same as ``now`` where it is left out.

    Raises:
        TaskError: an attribute is unknown or of another type.
    """

    def __new__(
        cls,
        policy: Policy,
        id: str,
        *,
        attributes: Mapping[str, _Number | bool | None] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Task: ...
    @property
    def id(self) -> str:
        """The platform's name for it."""
    @property
    def policy(self) -> Policy:
        """The policy that it belongs to."""
    @property
    def attributes(self) -> dict[str, float | bool | str]:
        """The attributes that are set, in seconds, bytes and plain numbers."""
    @property
    def counters(self) -> Counters:
        """What became of the samples that it was given."""
    @property
    def history(self) -> History:
        """What was instructed, applied, and done by somebody else."""
    def set(self, attributes: Mapping[str, _Number | bool | None] | None = None, /, **more: _Number | bool | None) -> None:
        """Sets attributes, all or none; ``None`` makes one undefined again. Numbers are in the declared unit, seconds and bytes for built-in ones.

        >>> import dras
        >>> task = dras.Task(dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]}), "orders")
        >>> task.set(parallelism=4, task_manager_memory="4GiB", task_type="sql")

        Raises:
            TaskError: there is no such attribute, it is of another type, it cannot be set, or its number is not finite.
        """
    def set_labels(self, labels: Mapping[str, str]) -> None:
        """Sets labels: what ``{{labels}}`` in queries selects the task's series with.

        Raises:
            TaskError: there are too many labels, or one is too long.
        """
    def set_flink_configuration(self, entries: Mapping[str, str | float | bool]) -> None:
        """Takes the Flink configuration that the task runs with. From it follow the attributes of all components of memory, so that rules can set
        them, and the number of slots. Entries that are about something else are not looked at.

        Raises:
            TaskError: Flink would not start with it; the message says why.
        """
    def row(self, values: Mapping[str, _Number | None], /, *, now: _Time, at: _Time | None = None, instance: str | None = None) -> Accepted:
        """Takes one scrape: values of several metrics, in their declared units, at one time. ``None`` and NaN are "asked, not available".

        ``instance`` names a TaskManager or subtask; without it the values are of the task itself.

        Raises:
            TaskError: a metric is unknown or holds texts, or ``now`` went back.
        """
    def column(self, metric: str, times: _Times, values: _Floats, *, now: _Time, instance: str | None = None) -> Accepted:
        """Takes many samples of one series, in any order. Arrays are read where they lie. Ctrl-C ends a call with millions of samples with a part of
        them taken; handing over all of them again does no harm.

        Raises:
            TaskError: the metric is unknown or holds texts, ``now`` went back, or times and values are not equally many.
            InputTypeError: a column is of another element type or does not lie in one piece.
        """
    def event(self, metric: str, message: str, *, now: _Time, at: _Time | None = None, instance: str | None = None) -> Accepted:
        """Takes an event: an exception or another log line. One that is there already is recognised.

        Raises:
            TaskError: the metric is unknown or holds numbers, or ``now`` went back.
        """
    def observed(self, metric: str, *, now: _Time, until: _Time | None = None) -> None:
        """Says that all events of the metric up to ``until`` were handed over. Without it the absence of events says nothing.

        Raises:
            TaskError: the metric is unknown or holds numbers, or ``now`` went back.
        """
    def mark(self, mark: Literal["restart", "change"], at: _Time) -> None:
        """Marks a restart or a change of resources: samples from before it, and from the warm-up after it, do not count in windows."""
    def end(self, instance: str, at: _Time, *, metric: str | None = None) -> None:
        """Says that an instance has ended, or one metric of it: it leaves everything over instances at once, without waiting to go stale.

        Raises:
            TaskError: the metric is unknown.
        """
    def queries(self, now: _Time, *, look: Look | None = None) -> tuple[Query, ...]:
        """The range queries whose answers complete the task's windows at ``now``: hand each answer to ``read_prometheus``, in this order.

        Raises:
            TaskError: a label or attribute that a query needs is not set.
        """
    def read_prometheus(self, metric: str, body: _Body, *, now: _Time) -> ReadReport:
        """Reads the body of an answer of Prometheus' ``/api/v1/query`` or ``/api/v1/query_range``. Each series is an instance.

        Raises:
            ReadError: the body is not such an answer, says an error, or its series cannot be told apart.
            TaskError: the metric is unknown, or ``now`` went back.
        """
    def read_flink_metrics(self, body: _Body, *, now: _Time, at: _Time | None = None, instance: str | None = None) -> ReadReport:
        """Reads the body of an answer of Flink's ``/jobs/:id/metrics``, ``/taskmanagers/:id/metrics`` or ``/jobs/:id/vertices/:id/metrics`` that was
        fetched at ``at``; ``instance`` names what was asked.

        Raises:
            ReadError: the body is not such an answer.
            TaskError: ``now`` went back.
        """
    def read_flink_exceptions(self, metric: str, body: _Body, *, now: _Time, at: _Time | None = None) -> ReadReport:
        """Reads the body of an answer of Flink's ``/jobs/:id/exceptions`` that was fetched at ``at`` into an event metric.

        Raises:
            ReadError: the body is not such an answer, or the metric holds numbers.
            TaskError: the metric is unknown, or ``now`` went back.
        """
    def decide(self, now: _Time, *, look: Look | None = None) -> Decision:
        """Looks at the task and decides. ``look="short"`` looks at urgent rules only, and takes nothing away.

        The same policy, samples, attributes and times of looks give the same decision, to the bit, in Rust, Python and Node.

        Raises:
            TaskError: ``now`` went back.
        """
    def snapshot(self) -> bytes:
        """The whole state as bytes: attributes, labels, windows, how long rules have held, history. Equal states give equal bytes, and a later
        version of dras reads them. Tasks can be pickled, too.
        """
    @staticmethod
    def restore(policy: Policy, snapshot: bytes | bytearray | memoryview, /) -> tuple[Task, Carried]:
        """The task of a snapshot, under the same document or another one, and what could not go along.

        Raises:
            SnapshotError: the bytes are no snapshot, were cut short or changed, or come from a version that this one cannot read.
        """
    def rebind(self, policy: Policy, /) -> Carried:
        """Moves the task to another document, with its samples, attributes and history, and says what could not go along."""
    def compare(self, policy: Policy, now: _Time, /) -> Difference | None:
        """What another document would decide otherwise, if both looked at the task now. Nothing is changed.

        Raises:
            TaskError: ``now`` went back.
        """
    def start_shadow(self, policy: Policy, /) -> None:
        """Tries out another document beside the live one: it is fed the same samples from now on, looks when ``decide`` does, and changes nothing."""
    def stop_shadow(self) -> None:
        """Ends that."""
    def promote_shadow(self) -> None:
        """Makes the other document the live one, with all that it has seen.

        Raises:
            InputError: there is none.
        """
    @property
    def shadow(self) -> Policy | None:
        """The document that is tried out."""
    @property
    def shadow_decision(self) -> Decision | None:
        """What it came to at the last look."""
    @property
    def shadow_difference(self) -> Difference | None:
        """Where that was something else than what the live document came to."""
    def next_look(self, after: _Time) -> NextLook:
        """The first look that is due after ``after``, by the document's ``timing``; spread, so that tasks take turns."""
    def applied(self, instruction: Instruction | str, *, now: _Time, at: _Time | None = None) -> None:
        """Says that an instruction (or its key) was applied, and that the task has run with it since ``at``. The same again changes nothing.

        Raises:
            TaskError: it was never given, was reported as failed, or ``at`` is before it was given or in the future.
        """
    def failed(self, instruction: Instruction | str, reason: str, *, now: _Time, at: _Time | None = None) -> None:
        """Says that an instruction (or its key) could not be applied, and why.

        Raises:
            TaskError: it was never given, was reported as applied, or ``at`` is before it was given or in the future.
        """

@final
class Decision:
    """What one look at one task came to: nothing, or changes of its resources, and all that led there.

    ``str()`` of it is the whole story; it is true where there is something to hear of. Its texts are made when somebody asks.
    """

    @property
    def task(self) -> str:
        """The task's id."""
    @property
    def at(self) -> int:
        """When the look was taken, in ms since the epoch."""
    @property
    def time(self) -> datetime | None:
        """The same in UTC; ``None`` after the year 9999."""
    @property
    def look(self) -> Look:
        """What was looked at."""
    @property
    def policy(self) -> Policy:
        """The policy that decided."""
    @property
    def matters(self) -> bool:
        """Whether there is anything to hear of: a change, made or held, an alert, or a change by somebody else."""
    @property
    def any_fired(self) -> bool:
        """Whether any rule fired."""
    @property
    def any_undefined(self) -> bool:
        """Whether any rule could not be answered for lack of data."""
    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes to make, all in one restart, at most one for each resource; none means that nothing is to be done."""
    @property
    def instruction(self) -> Instruction | None:
        """What to do, if anything. A document in the mode ``monitor`` gives none."""
    @property
    def held(self) -> tuple[Held, ...]:
        """The changes that would be made but for guards."""
    @property
    def guards(self) -> tuple[Guard, ...]:
        """The guards that hold a direction of change, whether anything wanted to go there or not."""
    @property
    def memory(self) -> tuple[ProcessMemory, ...]:
        """The memory of processes after the changes, where the task's Flink configuration is known."""
    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What people should be told."""
    @property
    def external(self) -> tuple[ResourceStep, ...]:
        """What somebody else changed since the last look."""
    @property
    def rules(self) -> tuple[RuleOutcome, ...]:
        """What became of every rule, with the values behind it."""
    @property
    def states(self) -> dict[str, RuleState]:
        """What each rule came to, in a word; cheaper than ``rules``."""
    @property
    def inputs(self) -> tuple[Input, ...]:
        """What was seen: every metric and attribute that the rules use, with its value."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
    def to_json(self) -> str:
        """The same as JSON: the same bytes as in Rust and Node."""
    def explain(self) -> str:
        """The whole story as text."""
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Decision: ...
    def __deepcopy__(self, memo: Any, /) -> Decision: ...
    def _repr_html_(self) -> str: ...

@final
class Instruction:
    """A change of the resources of one task, all of it at once: plain data that can be stored, sent and compared, and its translations.

    The ``key`` is the same for the same change of the same task, so that a second delivery is recognised.
    """

    @staticmethod
    def from_dict(data: Mapping[str, Any] | _Text, /) -> Instruction:
        """The instruction that ``to_dict`` or ``to_json`` gave.

        Raises:
            InputError: it is none.
        """
    @property
    def key(self) -> str:
        """Idempotency key: hexadecimal digits."""
    @property
    def task(self) -> str:
        """The task's id."""
    @property
    def at(self) -> int:
        """When it was decided, in ms since the epoch."""
    @property
    def time(self) -> datetime | None:
        """The same in UTC."""
    @property
    def policy(self) -> str:
        """The name of the policy."""
    @property
    def fingerprint(self) -> str:
        """The fingerprint of the policy."""
    @property
    def parallelism(self) -> ParallelismStep | None:
        """The parallelism of the job."""
    @property
    def task_manager_memory(self) -> MemoryStep | None:
        """The memory of each TaskManager."""
    @property
    def job_manager_memory(self) -> MemoryStep | None:
        """The memory of the JobManager."""
    @property
    def restart(self) -> Literal["in_place", "with_savepoint"]:
        """How the job comes to its new resources."""
    @property
    def reasons(self) -> tuple[str, ...]:
        """The rules that want it."""
    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
    def to_json(self) -> str:
        """The same as JSON."""
    def resource_requirements(
        self,
        job: _Body,
        *,
        present: _Body | None = None,
        scaling: Literal["follow_job", "proportional"] | None = None,
        lower_bound: Literal["one", "keep", "exact"] | None = None,
    ) -> ResourceRequirements:
        """What rescales the job in place: ``PUT /jobs/:jobid/resource-requirements``. For the adaptive scheduler; all vertices are in its body.

        ``job`` is the answer of ``GET /jobs/:jobid``, and ``present`` that of ``GET /jobs/:jobid/resource-requirements``.

        Raises:
            TranslationError: Flink would refuse it, or the vertices are not as the instruction found them.
            ReadError: ``job`` or ``present`` is not such an answer.
        """
    def configuration(self, job: _Body | None = None, *, scaling: Literal["follow_job", "proportional"] | None = None) -> ConfigurationEntries:
        """The configuration with which the job is started again; with ``job`` the parallelism of every vertex is in it.

        Raises:
            TranslationError: the instruction changes nothing, contradicts itself, or does not fit the vertices.
            ReadError: ``job`` is not the answer of ``GET /jobs/:jobid``.
        """
    def restart_with_savepoint(
        self, job_id: str, *, target_directory: str | None = None, format: Literal["canonical", "native"] | None = None
    ) -> tuple[RestartStep, ...]:
        """The steps that carry it out with one restart, to be done in order.

        Raises:
            TranslationError: ``job_id`` is none, or as for ``configuration``.
        """
    def flink_deployment_patch(
        self,
        deployment: Mapping[str, Any] | None = None,
        *,
        job: _Body | None = None,
        scaling: Literal["follow_job", "proportional"] | None = None,
        autoscaler: Literal["refuse", "disable"] | None = None,
        allow_stateless: bool = False,
    ) -> dict[str, Any]:
        """The JSON merge patch that lets the Flink Kubernetes Operator carry it out. With the present manifest as ``deployment``, everything in it
        is looked at that would make the patch do something else.

        Raises:
            TranslationError: the manifest says something against it.
            ReadError: ``job`` is not the answer of ``GET /jobs/:jobid``.
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Fleet:
    """Many tasks of one policy, fed by columns and looked at on all cores.

    >>> import dras
    >>> fleet = dras.Fleet(dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]}), ["orders", "bills"])
    >>> now = 1_800_000_000_000
    >>> handles = [fleet.series(task, "cpu", "tm-1") for task in fleet]
    >>> fleet.ingest(handles, now, [0.93, 0.41], now=now).accepted.stored
    2
    >>> decisions = fleet.decide(now)
    >>> decisions.looked, len(decisions)
    (2, 0)

    Everything may be called from several threads. Where a call fails for one task, it goes on for the others and reports the task in ``errors``.
    """

    def __new__(cls, policy: Policy, tasks: Iterable[str] | None = None) -> Fleet: ...
    @property
    def policy(self) -> Policy:
        """The policy of all its tasks."""
    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its tasks, in the order in which they were added."""
    def add(
        self, task: str | Task, *, attributes: Mapping[str, _Number | bool | None] | None = None, labels: Mapping[str, str] | None = None
    ) -> Task:
        """Adds a task and gives it: a new one of that id, or one that there is already, such as one restored from a snapshot.

        Raises:
            InputError: the fleet has a task of that id.
            TaskError: an attribute is unknown or of another type.
        """
    def remove(self, id: str) -> None:
        """Removes a task; handles of its series are no handles any more.

        Raises:
            InputError: the fleet has no such task.
        """
    def __len__(self) -> int: ...
    def __contains__(self, id: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, id: str, /) -> Task:
        """The task of that id: the task itself, not a copy."""
    def set(self, attribute: str, values: Mapping[str, _Number | bool | None]) -> None:
        """Sets one attribute of many tasks, by their ids.

        Raises:
            InputError: the fleet has no such task; nothing is changed then.
            TaskError: the attribute is unknown or of another type.
        """
    def series(self, task: str, metric: str, instance: str | None = None) -> int:
        """The handle of a series of a task: resolved once, for ``ingest``. It stays the same for the life of the task.

        Raises:
            InputError: the fleet has no such task.
            TaskError: the metric is unknown or holds texts.
        """
    def ingest(self, series: npt.NDArray[Any] | Buffer | Sequence[int], times: _Time | _Times, values: _Floats, *, now: _Time) -> FleetReport:
        """Takes samples of many series: for each a handle (``int64``), a time (``int64``, or one for all) and a value (``float64``).

        Samples of one series that stand one after the other are taken together. Arrays are read where they lie, with the interpreter released. Ctrl-C
        ends the call with a part of the samples taken; handing over all of them again does no harm.

        Raises:
            InputError: a handle is not one of this fleet, or columns are not equally long; nothing is taken then.
        """
    def read_prometheus(self, metric: str, body: _Body, *, label: str, now: _Time) -> FleetReport:
        """Reads one answer of Prometheus about many tasks; the value of ``label`` is a series' task.

        Raises:
            ReadError: the body is not such an answer; nothing is taken then.
            TaskError: the metric is unknown.
        """
    def compare(self, policy: Policy, now: _Time, /) -> tuple[Difference, ...]:
        """The tasks about which another document would decide otherwise, if both looked at them now. Nothing is changed.

        Raises:
            TaskError: ``now`` went back for a task.
        """
    def replace(self, policy: Policy, now: _Time, /) -> Replaced:
        """Moves all tasks to another document, and says what is decided otherwise now and what could not go along. Handles of series stay.

        Raises:
            TaskError: ``now`` went back for a task; nothing is changed then.
        """
    def start_shadow(self, policy: Policy, /) -> None:
        """Tries out another document beside the live one of every task, in place of those that are tried out already; ``decide`` reports
        ``differences``. Where it ends early, by Ctrl-C for example, no task has a shadow that this call began.
        """
    def stop_shadow(self) -> None:
        """Ends that."""
    def snapshots(self) -> dict[str, bytes]:
        """The snapshots of all tasks, by their ids, in the order of the fleet. Fleets can be pickled, too."""
    @staticmethod
    def restore(
        policy: Policy, snapshots: Mapping[str, bytes | bytearray | memoryview] | Iterable[bytes | bytearray | memoryview], /
    ) -> tuple[Fleet, dict[str, Carried]]:
        """The fleet of what ``snapshots`` gave, or of several snapshots, under the same document or another one; and what could not go along, by the
        ids of the tasks that left something behind. Handles of series are new: ask ``series`` for them.

        Raises:
            SnapshotError: the bytes of a task are no snapshot, were cut short or changed, or are those of another task.
            InputError: two are of the same task.
        """
    def due(self, after: _Time, until: _Time) -> dict[Look, list[str]]:
        """The tasks for which a look is due after ``after`` and not after ``until``, by the kind of the look; a long look takes the place of short
        ones."""
    def decide(
        self,
        now: _Time,
        *,
        look: Look | None = None,
        tasks: Iterable[str] | None = None,
        keep: Literal["matters", "all"] | None = None,
        threads: int | None = None,
    ) -> FleetDecisions:
        """Looks at all tasks, or at those named, on all cores or on ``threads`` threads, with the interpreter released.

        Decisions that matter are kept, with ``keep="all"`` all of them. Ctrl-C ends the call between two tasks: those that were looked at have been,
        and the look can be taken again at the same ``now``.

        Raises:
            InputError: the fleet has no such task.
        """

@final
class FleetDecisions:
    """What one look at a fleet came to: a sequence of the decisions that matter, in the order of the fleet."""

    @property
    def at(self) -> int:
        """When the look was taken, in ms since the epoch."""
    @property
    def looked(self) -> int:
        """How many tasks were looked at."""
    @property
    def fired(self) -> int:
        """For how many of them a rule fired."""
    @property
    def undefined(self) -> int:
        """For how many of them a rule could not be answered for lack of data."""
    @property
    def errors(self) -> tuple[TaskFailure, ...]:
        """The tasks that could not be looked at."""
    @property
    def differences(self) -> tuple[Difference, ...]:
        """The tasks whose shadow came to something else."""
    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """What to do."""
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[Decision]: ...
    @overload
    def __getitem__(self, index: int, /) -> Decision:
        """The decision at a place, or of a task by its id."""
    @overload
    def __getitem__(self, task: str, /) -> Decision: ...
    def _repr_html_(self) -> str: ...

@final
class Library:
    """Documents by name, which may extend each other. What a document says itself goes on top of what it ``extends``.

    >>> import dras
    >>> base = {"version": 1, "name": "base", "rules": [{"name": "up", "when": "uptime > 5m", "then": {"parallelism": "4"}}]}
    >>> library = dras.Library([base, {"version": 1, "name": "orders", "extends": "base", "limits": {"parallelism": {"max": 3}}}])
    >>> library.policy("orders").limits
    {'parallelism': {'max': 3}}

    Raises:
        PolicyError: a document is refused, has no name or one that is taken, or extends itself.
    """

    def __new__(cls, documents: Iterable[Mapping[str, Any] | _Text] | None = None, /) -> Library: ...
    def add(self, document: Mapping[str, Any] | _Text, /) -> str:
        """Adds a document and gives its name. Documents may be added in any order.

        Raises:
            PolicyError: it is refused; the library is as before.
        """
    def replace(self, document: Mapping[str, Any] | _Text, /) -> tuple[str, ...]:
        """Replaces the document of the same name, and gives the names of all documents that are different now.

        Raises:
            PolicyError: it is refused, or a document that extends it would be; the library is as before.
        """
    def remove(self, name: str, /) -> None:
        """Removes a document.

        Raises:
            PolicyError: there is none of that name, or another one extends it.
        """
    @property
    def names(self) -> tuple[str, ...]:
        """The names of its documents, in order."""
    def parents(self, name: str, /) -> tuple[str, ...]:
        """The documents that a document extends directly."""
    def dependents(self, name: str, /) -> tuple[str, ...]:
        """The documents that extend a document, directly or through others."""
    def resolve(self, name: str, /) -> dict[str, Any]:
        """A document with everything that it inherits.

        Raises:
            PolicyError: there is none of that name, or it cannot be resolved.
        """
    def origins(self, name: str, /) -> tuple[Said, ...]:
        """Every value of a resolved document, with the document and place where it was said.

        Raises:
            PolicyError: there is none of that name, or it cannot be resolved.
        """
    def policy(self, name: str, /) -> Policy:
        """A document with everything that it inherits, compiled.

        Raises:
            PolicyError: there is none of that name, or it is refused.
        """
    def __len__(self) -> int: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...

@final
class Assigner:
    """Chooses a document for a task by the task's attributes: the first assignment whose condition is true.

    >>> import dras
    >>> large = {"when": "parallelism > 64", "document": "large"}
    >>> assigner = dras.Assigner({"version": 1, "assignments": [large], "default": "etl"})
    >>> assigner.assign({"parallelism": 128}).document
    'large'

    Raises:
        PolicyError: the assignments are refused; ``diagnostics`` say everything that is wrong with them.
    """

    def __new__(cls, assignments: Mapping[str, Any] | _Text, /) -> Assigner: ...
    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that are named."""
    @property
    def warnings(self) -> Diagnostics:
        """What is odd about the conditions, though they compile."""
    def check(self, library: Library, /) -> Diagnostics:
        """The documents that a library does not have."""
    def assign(self, attributes: Mapping[str, _Number | bool | None], /) -> Assigned:
        """The document for a task with these attributes, and why. A condition that is undefined is not true, but reported.

        Raises:
            TaskError: an attribute is of another type than declared, or not finite.
        """

@final
class Recording:
    """What was measured and known of one task over some time, for ``replay``."""

    def __new__(cls, task: str, *, labels: Mapping[str, str] | None = None) -> Recording: ...
    @property
    def task(self) -> str:
        """The task's id."""
    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last time of a sample or event, in ms since the epoch."""
    def series(self, metric: str, times: _Times, values: _Floats, *, instance: str | None = None) -> None:
        """Adds samples in the metric's declared unit, in any order; NaN is "asked, not available".

        Raises:
            InputError: times and values are not equally many.
        """
    def event(self, metric: str, message: str, at: _Time, *, instance: str | None = None) -> None:
        """Adds an event: an exception or another log line."""
    def mark(self, mark: Literal["restart", "change"], at: _Time) -> None:
        """Adds a restart or a change of resources."""
    def attribute(self, name: str, value: SupportsFloat | bool | str, at: _Time) -> None:
        """Says what an attribute was from a time on, in its declared unit (seconds and bytes for the built-in ones)."""
    def flink_configuration(self, entries: Mapping[str, str | float | bool], at: _Time) -> None:
        """Says with what Flink configuration the task ran from a time on."""

@final
class Replay:
    """What a replay came to: its decisions, oldest first, and a summary."""

    @property
    def summary(self) -> Summary:
        """The replay in numbers."""
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions that matter, or all of them."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Decision]: ...
