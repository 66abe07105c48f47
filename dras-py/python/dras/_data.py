"""Plain data: what decisions, tasks and translations consist of. All of it is frozen, and its fields are what the JSON of the same thing holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from ._dras import Fleet, Policy, Task

Look: TypeAlias = Literal["long", "short"]
Process: TypeAlias = Literal["task_manager", "job_manager"]
RuleState: TypeAlias = Literal["fired", "holding", "not_met", "undefined", "not_looked"]
Value: TypeAlias = float | bool | str | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _left(ms: int | None) -> timedelta | None:
    return None if ms is None else timedelta(milliseconds=ms)


# --- what a policy knows ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a policy."""

    name: str
    path: str
    """Where it stands: ``rules[2]``, or the strategy it comes from."""
    doc: str
    """One sentence for readers."""
    hold: timedelta
    """How long its condition must hold."""
    priority: int
    """For each resource only the proposals of the highest priority count."""
    urgent: bool
    """Whether short looks look at it too, and it does not wait for comfort."""
    alert: str | None
    """What to say to people when it fires."""
    no_shrink_for: timedelta
    """For how long after it fired nothing takes the resources it sets down to what they were."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that a policy declares."""

    name: str
    doc: str
    """One sentence for readers."""
    unit: str
    """The unit its samples arrive in: ``ms``, ``percent``, ``MiB`` …"""
    kind: Literal["gauge", "counter", "event"]
    per: Literal["task", "task_manager", "subtask"]
    """What one series belongs to."""
    interval: timedelta
    """The usual distance between two samples."""
    flink: str | None
    """Its id in Flink's REST API."""
    instance_label: str | None
    """The label of its query's result that tells instances apart."""
    recorded: bool
    """Whether dras computes it itself at every long look, so that nobody brings samples of it."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that the rules of a policy may use."""

    name: str
    type: str
    """``number``, ``s``, ``B``, ``bool``, ``text`` …"""
    derived: bool
    """Whether dras computes it, so that it cannot be set."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a document or of one of its strategies."""

    name: str
    """Its name in expressions: ``cpu.high``."""
    value: float | bool | str
    """The value that counts, as it is written in a document: ``"80%"``."""
    range: str | None
    """The values that it may be set to: ``10% … 100%``."""
    default: float | bool | str | None
    """What a strategy has for it, where it is a strategy's."""
    doc: str
    """One sentence for readers."""
    origin: str
    """Where its value was said: ``strategies[0].params.high``."""
    text: str
    """All of it in a line, for people."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the expression language."""

    name: str
    signature: str
    """How it is called: ``clamp(x, low, high)``."""
    group: str
    """The chapter of the reference that it belongs to."""
    doc: str
    """What it gives, with units, ranges, and what is undefined."""
    examples: tuple[tuple[str, str], ...]
    """Expressions with their results."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What a code of diagnostics stands for."""

    code: str
    """``E0201``. Those with ``E`` refuse a text, those with ``W`` warn, those with ``I`` remark."""
    severity: Literal["error", "warning", "info"]
    title: str
    """A few words that name the mistake."""
    explanation: str
    """Why it is one, and what to do."""
    example: str
    """An input that produces it."""
    kind: Literal["expression", "document", "library", "lint", "generated"]
    """What the example is: an expression, a document, a list of documents that extend each other, a document for ``Policy.lint``; or, where it would
    be too long, a sentence that says how to make one."""


# --- values and explanations -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undefined:
    """The value of an expression that has none, and why. It is false, so that ``if rule.evaluate(values)`` does nothing where data is missing."""

    reason: str
    """A word for programs: ``not_available``, ``no_attribute``, ``division_by_zero`` …"""
    text: str
    """The same for people."""
    details: dict[str, Any]
    """More about it, such as how many samples there are and how many are needed."""

    def __bool__(self) -> Literal[False]:
        return False

    def __hash__(self) -> int:
        return hash((self.reason, self.text))

    def __str__(self) -> str:
        return f"undefined: {self.text}"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an explained expression."""

    text: str
    """The part in canonical form."""
    span: tuple[int, int]
    """Where it stands in the expression, in bytes of its UTF-8 form."""
    parent: int | None
    """The index of the part that it belongs to; ``None`` for the whole."""
    type: str
    """``number``, ``s``, ``B``, ``bool``, ``text`` …"""
    value: Value
    """Its value in seconds, bytes or plain numbers; ``None`` where it is undefined."""
    undefined: str | None
    """Why it is undefined."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        span = data.pop("span")
        return cls(span=(span["start"], span["end"]), **data)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The value of every part of one evaluation: the whole first, each part before its own parts. ``str()`` of it is the story as text."""

    text: str
    lines: tuple[str, ...]
    """One line for each condition, or for each value that a number was computed from."""
    parts: tuple[Part, ...]

    @classmethod
    def _of(cls, text: str, lines: Iterable[str], parts: Iterable[dict[str, Any]]) -> Self:
        return cls(text, tuple(lines), tuple(Part._of(part) for part in parts))

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<pre class="dras">{escape(self.text)}</pre>'


# --- samples ---------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of the samples of one call."""

    stored: int
    """New samples, with or without a value."""
    ignored: int
    """Samples that were there already, bit for bit."""
    resolved: int
    """Samples whose time had another value; one of the two stays."""
    refused: int
    """Samples refused because of their time, because they are infinite or because there is no room; ``Task.counters`` tells which."""
    unused: int
    """Samples of metrics that no rule asks for."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of all samples of a task so far."""

    accepted: int
    """New samples with a value, and events."""
    not_available: int
    """Samples that said "asked, not available" (NaN)."""
    duplicates_equal: int
    """Samples that were there already, bit for bit."""
    duplicates_resolved: int
    """Samples whose time had another value."""
    late: int
    """Refused: more than the metric's lateness before the newest of their series."""
    too_old: int
    """Refused: older than what is kept."""
    future: int
    """Refused: too far after ``now``."""
    infinite: int
    """Refused: infinite."""
    too_dense: int
    """Refused: there were as many samples as there may be."""
    events_dropped: int
    """Events that went because there were too many."""
    texts_cut: int
    """Texts of events that were cut."""
    unused: int
    """Samples of metrics that no rule asks for."""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What an answer of Prometheus or Flink brought."""

    series: int
    """Series in the answer."""
    accepted: Accepted
    """What became of their samples."""
    notes: tuple[str, ...]
    """What the source warns of, and what was left out."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task of a fleet for which a call failed, while it went on for the others."""

    task: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FleetReport:
    """What samples for a fleet brought."""

    accepted: Accepted
    """What became of the samples of all tasks."""
    errors: tuple[TaskFailure, ...]
    """Tasks that could not take theirs."""
    notes: tuple[str, ...]
    """What the source warns of, and what was left out."""


@dataclass(frozen=True, slots=True)
class Query:
    """A range query of Prometheus that a look needs."""

    metric: str
    """The metric that its answer is for."""
    promql: str
    start: int
    """ms since the epoch."""
    end: int
    """ms since the epoch."""
    step: int
    """ms."""
    path: str
    """The path under the address of Prometheus."""
    form: str
    """The form to send there (``Content-Type: application/x-www-form-urlencoded``), or the query string of a GET."""


@dataclass(frozen=True, slots=True)
class NextLook:
    """When a task is to be looked at next, and how."""

    at: int
    """ms since the epoch."""
    look: Look

    @property
    def time(self) -> datetime:
        """The same as ``at``, in UTC."""
        return _time(self.at)


# --- decisions -------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResourceStep:
    """A resource before and after: subtasks, or bytes."""

    resource: str
    from_: float
    to: float

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["resource"], data["from"], data["to"])

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls._of(one) for one in data)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one resource."""

    resource: str
    """``parallelism``, ``task_manager_memory``, ``task_heap`` …"""
    from_: float
    """What the task has: subtasks, or bytes."""
    to: float
    """What it should have, in the same unit."""
    wanted: float
    """What the rules want, before limits, steps and guards."""
    urgent: bool
    """Whether an urgent rule wants it."""
    notes: tuple[str, ...]
    """What happened on the way from what is wanted to what is to be had."""
    rules: tuple[str, ...]
    """The rules that want it."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        notes, rules, before = data.pop("notes"), data.pop("rules"), data.pop("from")
        return cls(from_=before, notes=tuple(notes), rules=tuple(rules), **data)

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls._of(one) for one in data)


@dataclass(frozen=True, slots=True)
class Hold:
    """A guard that holds a change."""

    guard: str
    """The guard's code: ``cool_down``, ``restart_budget`` …"""
    left: timedelta | None
    """How much longer; ``None`` where no end is known."""


@dataclass(frozen=True, slots=True)
class Held:
    """A change that would be made but for guards."""

    change: Change
    by: tuple[Hold, ...]
    why: str | None
    """More about it."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        by = tuple(Hold(hold["guard"], _left(hold["left"])) for hold in data.pop("by"))
        why = data.pop("why")
        return cls(Change._of(data), by, why)

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls._of(one) for one in data)


@dataclass(frozen=True, slots=True)
class DirectionHold:
    """A direction of change that a guard holds."""

    direction: str
    left: timedelta | None
    """How much longer; ``None`` where no end is known."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that holds a direction of change at a look, whether anything wanted to go there or not."""

    guard: str
    holds: tuple[DirectionHold, ...]

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls(one["guard"], tuple(DirectionHold(h["direction"], _left(h["left"])) for h in one["holds"])) for one in data)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people should be told."""

    kind: Literal["rule", "capped_and_still_failing"]
    rule: str
    """The rule that it is about."""
    text: str

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls(**one) for one in data)


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """The memory of one process after the changes."""

    process: Process
    from_: float | None
    """Its process memory now, in bytes."""
    to: int
    """Its process memory then, in bytes."""
    entries: dict[str, str]
    """The entries of Flink's configuration that change."""

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls(one["process"], one["from"], one["to"], dict(one["entries"])) for one in data)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a rule proposed for a resource, and what became of it."""

    resource: str
    target: float | None
    """Subtasks, or bytes; ``None`` where it is undefined."""
    fate: Literal["taken", "no_change", "beaten", "dropped_while_growing", "held", "within_tolerance", "limited", "undefined"]
    by: str | None
    """The rule that won, or the guard that holds it."""
    undefined: str | None
    """Why there is nothing to propose."""
    explanation: tuple[str, ...]
    """The values it was computed from."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What became of a rule at a look."""

    rule: str
    path: str
    """Where it stands in the document."""
    state: RuleState
    outcome: str
    """The same for people: ``fired``, ``holds, fires in 2m``, ``insufficient data: …``, ``not met``."""
    since: int | None
    """Since when its condition has been true, in ms since the epoch."""
    left: timedelta | None
    """How long it must still hold."""
    undefined: str | None
    """Why it cannot be answered."""
    gain: float | None
    """The share of the promised gain that its last action brought, where that was too little."""
    explanation: tuple[str, ...]
    """The condition with its values, a line for each comparison."""
    parts: tuple[Part, ...]
    """The value of every part of the condition."""
    proposals: tuple[Proposal, ...]
    """What it proposed."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        proposals = tuple(Proposal(explanation=tuple(p.pop("explanation")), **p) for p in data.pop("proposals"))
        parts = tuple(Part._of(part) for part in data.pop("parts"))
        explanation = tuple(data.pop("explanation"))
        return cls(left=_left(data.pop("left")), explanation=explanation, parts=parts, proposals=proposals, **data)

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls._of(one) for one in data)


@dataclass(frozen=True, slots=True)
class Input:
    """A metric or attribute that the rules use, with its value at a look."""

    text: str
    """As its author wrote it: ``avg(cpu[5m])``, ``parallelism``."""
    type: str
    value: Value
    """In seconds, bytes or plain numbers; ``None`` where it is undefined."""
    undefined: str | None
    """Why it is undefined."""
    shown: str
    """The value as people write it: ``0.91``, ``1.5GiB``."""

    @classmethod
    def _all(cls, data: Iterable[dict[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls(**one) for one in data)


# --- documents -------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """What of a task's state could not go along to another document. It is true where there is something."""

    attributes_dropped: tuple[str, ...]
    """Attributes that the document does not have, or has with another type."""
    rules_begun_anew: tuple[str, ...]
    """Rules whose conditions have changed, so that what has held begins anew."""
    windows: dict[str, Any]
    """What could not go along of the windows: metrics, long windows, instances, events."""

    def __bool__(self) -> bool:
        return bool(self.attributes_dropped or self.rules_begun_anew or any(self.windows.values()))

    def __hash__(self) -> int:
        return hash((self.attributes_dropped, self.rules_begun_anew))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one document comes to at a look, as far as it is compared."""

    changes: tuple[ResourceStep, ...]
    held: tuple[tuple[ResourceStep, str | None], ...]
    """The changes that guards hold, with the first guard that does."""
    alerts: tuple[str, ...]
    """The rules that alert."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        held = tuple((ResourceStep._of(step), guard) for step, guard in data["held"])
        return cls(ResourceStep._all(data["changes"]), held, tuple(data["alerts"]))


@dataclass(frozen=True, slots=True)
class Difference:
    """Two documents that come to different things for one task."""

    task: str
    at: int
    """The time of the look, in ms since the epoch."""
    live: Verdict
    """What the live document comes to."""
    other: Verdict
    """What the other one comes to."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["task"], data["at"], Verdict._of(data["live"]), Verdict._of(data["other"]))


@dataclass(frozen=True, slots=True)
class Replaced:
    """Many tasks moved to another document at once."""

    differences: tuple[Difference, ...]
    """What is decided otherwise."""
    carried: dict[str, Carried]
    """What tasks could not take along, by their ids; those that took everything are not in it."""

    def __hash__(self) -> int:
        return hash(self.differences)


@dataclass(frozen=True, slots=True)
class Said:
    """A value of a resolved document, and where it was said."""

    path: str
    """Where it stands in the resolved document: ``params.late.value``."""
    value: str
    """Its JSON."""
    document: str
    """The document that said it."""
    at: str
    """Where it stands there."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The document for a task, and why."""

    document: str | None
    """Its name; ``None`` where no condition is true and there is no default."""
    index: int | None
    """The index of the assignment whose condition is true; ``None`` where none is."""
    why: tuple[str, ...]
    """The parts of that condition with their values."""
    undefined: tuple[str, ...]
    """Assignments before that one, or all, that could not be decided, each with what is not known."""
    text: str
    """All of it for people."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay came to, in numbers."""

    looks: int
    """Looks, short ones included."""
    undefined: int
    """Looks at which a rule could not be answered for lack of data."""
    with_changes: int
    """Looks at which something was to change."""
    instructions: int
    """Instructions that were different from the one before."""
    applied: int
    """Instructions that were taken as applied."""
    reversals: int
    """Applied instructions that took a resource back where it came from within an hour."""
    with_alerts: int
    """Looks with alerts."""
    held: dict[str, int]
    """How often each guard held a change back."""
    fired: dict[str, int]
    """How often each rule fired."""
    span: int
    """From the first look to the last, in ms."""
    restarts_per_day: float | None
    """Applied instructions for each day; ``None`` where the replay spans no time."""

    def __hash__(self) -> int:
        return hash((self.looks, self.instructions, self.applied, self.span))


# --- history ---------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a task's history."""

    at: int
    """ms since the epoch."""
    kind: Literal["instructed", "applied", "failed", "external"]
    key: str
    """The key of the instruction; empty for what somebody else did."""
    steps: tuple[ResourceStep, ...]
    """The resources that changed, or were to change."""
    rules: tuple[str, ...]
    """The rules that wanted it."""
    entries: dict[str, str]
    """The entries of Flink's configuration that change with it."""
    reason: str | None
    """Why it failed, in the caller's words."""


@dataclass(frozen=True, slots=True)
class History:
    """What was instructed, applied, and done by somebody else: all that guards look back at."""

    generation: int
    """How often resources changed, or were tried to: part of every key."""
    records: tuple[Record, ...]
    """Oldest first."""
    pending: str | None
    """The key of the instruction that nobody has reported on."""
    data: dict[str, Any]
    """All of it, with what actions promised and brought, and sizes that were not enough."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        records = tuple(
            Record(
                at=record["at"],
                kind=record["kind"],
                key=record["key"],
                steps=ResourceStep._all(record["steps"]),
                rules=tuple(record["rules"]),
                entries=dict(record.get("entries", ())),
                reason=record.get("reason"),
            )
            for record in data["records"]
        )
        pending = data["pending"]
        return cls(data["generation"], records, pending and pending["key"], data)

    def __hash__(self) -> int:
        return hash((self.generation, self.pending, len(self.records)))


# --- instructions ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParallelismStep:
    """The parallelism of a job, before and after."""

    from_: int
    to: int

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["from"], data["to"])


@dataclass(frozen=True, slots=True)
class MemoryStep:
    """Another memory of one kind of process."""

    from_: int
    """Total process memory that it has, in bytes."""
    to: int
    """Total process memory that it should have, in bytes."""
    entries: dict[str, str]
    """Configuration entries to set, in the job's own style. Empty where only the total is known."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["from"], data["to"], dict(data["entries"]))


@dataclass(frozen=True, slots=True)
class RestCall:
    """A call of Flink's REST API, for the caller to make."""

    method: Literal["GET", "PUT", "POST"]
    path: str
    """After the address of the JobManager."""
    body: dict[str, Any] | None
    """To be sent as JSON; ``None`` for a GET."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["method"], data["path"], data.get("body"))


@dataclass(frozen=True, slots=True)
class VertexStep:
    """What a vertex of the job has and gets."""

    id: str
    from_: int
    to: int
    note: str | None
    """Why that is not simply what the job gets."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["id"], data["from"], data["to"], data["note"])


@dataclass(frozen=True, slots=True)
class ResourceRequirements:
    """What rescales a job in place."""

    call: RestCall
    body: dict[str, Any]
    """The body of the call."""
    vertices: tuple[VertexStep, ...]
    """What every vertex gets, and why, in the order of the job."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["call"], data["body"], tuple(VertexStep._of(vertex) for vertex in data["vertices"]))


@dataclass(frozen=True, slots=True)
class ConfigurationEntries:
    """What to change in a Flink configuration. Everything that is not named stays."""

    set: dict[str, str]
    """Entries to set. The values are texts, as Flink reads them."""
    remove: frozenset[str]
    """Keys to remove where they are there, because they would count more than what is set."""
    args: tuple[str, ...]
    """The entries to set as arguments of Flink's programs: ``-Dkey=value``."""
    flink_conf: str
    """The entries to set as lines of ``config.yaml`` or ``flink-conf.yaml``."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        return cls(data["set"], frozenset(data["remove"]), tuple(data["args"]), data["flink_conf"])


@dataclass(frozen=True, slots=True)
class StopStep:
    """Make this call once. Made again it does no harm: its ``triggerId`` is the instruction's key."""

    call: RestCall


@dataclass(frozen=True, slots=True)
class AwaitSavepointStep:
    """Make this call until the savepoint is complete."""

    call: RestCall
    status: str
    """JSON pointer of the state: ``IN_PROGRESS`` or ``COMPLETED``."""
    location: str
    """JSON pointer of the savepoint's path, once complete."""
    failure: str
    """JSON pointer of the cause, where it has failed: then the job runs on, and the instruction is not carried out."""


@dataclass(frozen=True, slots=True)
class ConfigureStep:
    """Change the configuration, and start the processes anew where it changes their memory."""

    entries: ConfigurationEntries
    new_processes: bool


@dataclass(frozen=True, slots=True)
class StartStep:
    """Start the job from the savepoint. It gets a new id."""

    savepoint_key: str
    """The configuration entry that takes the savepoint's path."""
    savepoint_field: str
    """The field of the body of ``POST /jars/:jarid/run`` that takes it in a session cluster."""
    parallelism: int | None
    """``parallelism`` of that body."""


RestartStep: TypeAlias = StopStep | AwaitSavepointStep | ConfigureStep | StartStep


def restart_steps(data: Iterable[dict[str, Any]]) -> tuple[RestartStep, ...]:
    """The steps of a restart, of what their JSON holds."""
    steps: list[RestartStep] = []
    for step in data:
        match step.pop("step"):
            case "stop":
                steps.append(StopStep(RestCall._of(step["call"])))
            case "await_savepoint":
                steps.append(AwaitSavepointStep(RestCall._of(step.pop("call")), **step))
            case "configure":
                steps.append(ConfigureStep(ConfigurationEntries._of(step["entries"]), step["new_processes"]))
            case "start":
                steps.append(StartStep(step["savepoint_key"], step["savepoint_field"], step.get("parallelism")))
            case other:
                raise ValueError(f"unknown step {other!r}")
    return tuple(steps)


# --- Flink's memory --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MemoryBreakdown:
    """Every component of a process in bytes, as Flink derives it. What a JobManager does not have is 0."""

    kind: Process
    framework_heap: int
    task_heap: int
    """Of a JobManager its whole heap."""
    framework_off_heap: int
    task_off_heap: int
    """Of a JobManager its whole off-heap memory."""
    network: int
    managed: int
    metaspace: int
    """Also ``-XX:MaxMetaspaceSize``."""
    overhead: int
    """Threads, code cache, and whatever native memory no other component counts."""
    jvm_heap: int
    """``-Xmx``: framework and task heap."""
    jvm_direct: int
    """``-XX:MaxDirectMemorySize``: framework and task off-heap memory, and network."""
    flink: int
    """Total Flink memory."""
    process: int
    """Total process memory: what the container or the host must have."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The configuration in which components are as large as asked."""

    entries: dict[str, str]
    """The entries to set, on top of those that there are; empty where nothing has to change."""
    before: MemoryBreakdown | None
    """What Flink makes of the present configuration."""
    after: MemoryBreakdown
    """What it makes of the new one."""

    def __hash__(self) -> int:
        return hash((self.before, self.after))


# --- pickle ----------------------------------------------------------------------------------------------------------------------------------


def restore_task(policy: Policy, snapshot: bytes) -> Task:
    """The task of a snapshot, for pickle."""
    from ._dras import Task

    return Task.restore(policy, snapshot)[0]


def restore_fleet(policy: Policy, snapshots: Iterable[bytes | tuple[Policy, bytes]]) -> Fleet:
    """The fleet of its tasks' snapshots, each with its policy where that is another one than the fleet's, for pickle."""
    from ._dras import Fleet, Task

    fleet, _ = Fleet.restore(policy, ())
    for snapshot in snapshots:
        of, data = (policy, snapshot) if isinstance(snapshot, bytes) else snapshot
        fleet.add(Task.restore(of, data)[0])
    return fleet
