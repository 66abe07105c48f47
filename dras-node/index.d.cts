/// <reference types="node" />
/**
 * Embeddable rule engine that tunes the resources of running Apache Flink jobs.
 *
 * A document makes a {@link Policy}; a {@link Task} takes samples; {@link Task.decide} gives a {@link Decision}: nothing, or changes, and why.
 * There is no clock, no I/O and no timer inside: the caller says what time it is, hands over what was measured, and carries decisions out.
 *
 * Data that documents, decisions and instructions consist of has the names that it has in JSON (`task_manager_memory`), which are the same
 * in Rust and Python. What is only of this package is written in camel case.
 *
 * @packageDocumentation
 */

/** A time: whole milliseconds since the epoch, or a `Date`. */
export type Time = number | bigint | Date;

/** A number in its declared unit, or a text with a unit of its own, such as `"5m"` or `"2GiB"`. A `bigint` must be exactly representable. */
export type Quantity = number | bigint | string;

/** Plain data, as JSON has it. `undefined` is as if it were not there. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A duration: milliseconds, or a text such as `"5m"`. */
export type Duration = number | string;

/** A document, or something like it: plain data, or JSON as text or UTF-8. */
export type Source = string | Uint8Array | object;

/** The body of an answer: as it came, or what something made of its JSON. */
export type Body = string | Uint8Array | ArrayBuffer | object;

/** What a look looks at: all rules, or urgent ones only. */
export type Look = 'long' | 'short';

/** A resource that rules can set. */
export type Resource =
  | 'parallelism'
  | 'task_manager_memory'
  | 'task_heap'
  | 'task_off_heap'
  | 'network_memory'
  | 'managed_memory'
  | 'metaspace'
  | 'jvm_overhead'
  | 'job_manager_memory'
  | 'job_manager_heap'
  | 'job_manager_off_heap'
  | 'job_manager_metaspace';

/** A process of Flink. */
export type Process = 'task_manager' | 'job_manager';

/** The version of the package, of its addon, and of the crate. */
export const version: string;

// ---------------------------------------------------------------------------------------------------------------------------- errors

/** One thing to tell the author of an expression or a rule document. */
export interface Diagnostic {
  /** The stable code, e.g. `E0201`; {@link errorCodes} explains each. */
  readonly code: string;
  /** Whether it refuses the text, warns, or only remarks. */
  readonly severity: 'error' | 'warning' | 'info';
  /** What is wrong, in one line. */
  readonly message: string;
  /** Where in the rule document, e.g. `rules[2].when`; empty for an expression that stands alone. */
  readonly path: string;
  /** The text that `span` points into; `null` where there is none, or where it has more than 64 KiB. */
  readonly source: string | null;
  /** The offending part of the source, in UTF-16 code units: `source.slice(span.start, span.end)`. */
  readonly span: Span | null;
  /** The line of the start of the span, from 1. */
  readonly line: number | null;
  /** The column of the start of the span in characters, from 1, as in `rendered`. */
  readonly column: number | null;
  /** What stands under the carets; may be empty. */
  readonly label: string;
  /** What to do about it, where possible with the corrected text. */
  readonly help: string | null;
  /** The whole story as text, with the line of the source and carets. */
  readonly rendered: string;
}

/** A part of a text, in UTF-16 code units. */
export interface Span {
  /** The first. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** The base of all errors of dras. After an error the object that threw it is as it was before the call. */
export class DrasError extends Error {
  /** What went wrong, for programs: a stable word such as `unknown_attribute`, or for a text its first error's code, such as `E0201`. */
  readonly code: string;
  constructor(message: string, code?: string, options?: ErrorOptions);
}
/** Something of a type that dras cannot take: a string for a number, an instance of a class in a document, a column of another element type. */
export class InputTypeError extends DrasError {}
/** Something of the right type that cannot be: an invalid date, a number too large, a name that is not known, a circle, a detached buffer. */
export class InputError extends DrasError {}
/** A text that is refused, with everything that is wrong with it. Its message is the rendered diagnostics. */
export class CompileError extends DrasError {
  /** Errors and warnings, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
  constructor(message: string, diagnostics?: readonly Diagnostic[], code?: string);
}
/** A rule document, or a list of assignments, that is refused. */
export class PolicyError extends CompileError {}
/** An expression that is refused. */
export class ExpressionError extends CompileError {}
/**
 * Something that cannot be said of a task: an attribute that it does not have, samples that it cannot take, a report on an instruction that it was
 * not given, a time before an earlier one.
 */
export class TaskError extends DrasError {}
/** The body of an answer that cannot be read: not that of this API, cut off, an error page, an error of Prometheus or Flink. */
export class ReadError extends DrasError {}
/** An instruction that Flink, or the Flink Kubernetes Operator, would not carry out. */
export class TranslationError extends DrasError {}
/** A snapshot that cannot be restored: cut short, damaged, or of another version. */
export class SnapshotError extends DrasError {}
/** An object that cannot be used any more: it was disposed of, or an earlier call failed inside of it. */
export class StateError extends DrasError {}
/** A mistake in dras itself. Please report it; other objects are not affected. */
export class InternalError extends DrasError {}

// -------------------------------------------------------------------------------------------------------------------------- policies

/** A rule of a policy. */
export interface RuleInfo {
  /** Its name. */
  readonly name: string;
  /** Where it stands: `rules[2]`, or the strategy it comes from. */
  readonly path: string;
  /** One sentence for readers. */
  readonly doc: string;
  /** How long its condition must hold, in ms. */
  readonly for: number;
  /** For each resource only the proposals of the highest priority count. */
  readonly priority: number;
  /** Whether it is looked at on the short timer too, and does not wait for comfort. */
  readonly urgent: boolean;
  /** What to say to people when it fires. */
  readonly alert: string | null;
  /** For how long after it fired nothing takes the resources it sets down to what they were, in ms. */
  readonly noShrinkFor: number;
}

/** A metric of a policy. */
export interface MetricInfo {
  /** Its name in expressions. */
  readonly name: string;
  /** One sentence for readers. */
  readonly doc: string;
  /** The unit that its samples arrive in. */
  readonly unit: string;
  /** What its samples mean. */
  readonly kind: 'gauge' | 'counter' | 'event';
  /** What one series belongs to. */
  readonly per: 'task' | 'task_manager' | 'subtask';
  /** The usual distance between two samples, in ms. */
  readonly interval: number;
  /** Its id in Flink's REST API. */
  readonly flink: string | null;
  /** The label of its query's result that tells instances apart. */
  readonly instanceLabel: string | null;
  /** Whether any rule looks at it. */
  readonly used: boolean;
}

/** Where the value of a parameter comes from. */
export interface OriginInfo {
  /** Who says it: the document, a strategy, or the document for a strategy. */
  readonly from: 'document' | 'template' | 'override';
  /** Where it stands there. */
  readonly path: string;
  /** The strategy, and where it is used. */
  readonly [more: string]: unknown;
}

/** A parameter of a policy. */
export interface ParameterInfo {
  /** Its name in expressions: `cpu.high`. */
  readonly name: string;
  /** Its value, as documents write it. */
  readonly value: number | boolean | string;
  /** The values that it may be set to: `10% … 100%`. */
  readonly range?: string;
  /** The value that a strategy has for it. */
  readonly default?: number | boolean | string;
  /** One sentence for readers. */
  readonly doc: string;
  /** Where its value comes from. */
  readonly origin: OriginInfo;
}

/** The least and most of a resource, both included: subtasks as a number, bytes as a text such as `2GiB`. */
export interface BoundsData {
  /** The least. */
  readonly min?: number | string;
  /** The most. */
  readonly max?: number | string;
}

/** Bounds that no decision leaves: of resources, and of all processes of a task together. */
export type LimitsData = Readonly<Partial<Record<Resource, BoundsData>>> & TotalData;

/** Bounds of all processes of a task together. */
export interface TotalData {
  /** The most of each, where there is one. */
  readonly total?: QuotaData;
}

/** The most that all processes of a task have together. */
export interface QuotaData {
  /** The most TaskManagers. */
  readonly task_managers?: number;
  /** The most CPU cores. */
  readonly cores?: number;
  /** The most process memory, such as `64GiB`. */
  readonly memory?: string;
}

/** A time without restarts: each day, or as a cron pattern. */
export interface ExcludedData {
  /** From when to when each day: `22:00-06:00`. */
  readonly daily?: string;
  /** On which days: `mon-fri`. */
  readonly weekdays?: readonly string[];
  /** The minutes that are excluded: `* 9-17 * * mon-fri`. */
  readonly cron?: string;
  /** The time zone of the IANA database; UTC where it is left out. */
  readonly zone?: string;
  /** Whether urgent changes are made nevertheless. */
  readonly urgent_pass?: boolean;
}

/** What holds changes back, as documents write it; durations are texts such as `5m`. */
export interface GuardsData {
  /** Quiet after a change, by direction. */
  readonly cool_down?: Readonly<Partial<Record<'up' | 'down' | 'urgent', string>>>;
  /** For how long recommendations are remembered, by direction. */
  readonly stabilisation?: Readonly<Partial<Record<'up' | 'down', string>>>;
  /** How far one change goes, as a share of what the task has: 1 is at most twice as much. */
  readonly largest_step?: Readonly<Partial<Record<'up' | 'down' | 'urgent', number>>>;
  /** Times without restarts. */
  readonly excluded?: readonly ExcludedData[];
  /** The most restarts for changes in any 24 hours. */
  readonly restarts_per_day?: number;
  /** What waits while data is missing. */
  readonly freeze_on_missing?: 'down' | 'all' | 'off';
  /** When adding resources brought nothing. */
  readonly ineffective?: IneffectiveData;
  /** Within which time down and up again is an oscillation. */
  readonly oscillation?: Readonly<Partial<Record<'within', string>>>;
}

/** When adding resources brought nothing, so that the rule waits. */
export interface IneffectiveData {
  /** The least share of the promised gain. */
  readonly least_gain?: number;
  /** How long the rule waits. */
  readonly for?: string;
}

/** An attribute that rules of a policy may use. */
export interface AttributeInfo {
  /** Its name in expressions. */
  readonly name: string;
  /** `number`, `s` (seconds), `B` (bytes), `text`, `bool` … */
  readonly type: string;
  /** Whether dras computes it, so that it cannot be set. */
  readonly derived: boolean;
}

/**
 * A compiled rule document: immutable, made once and shared by all tasks of a kind.
 *
 * @example
 * ```js
 * import { Policy } from 'dras';
 * const policy = new Policy({ version: 1, strategies: [{ use: 'cpu' }] });
 * console.log(policy.rules.map((rule) => rule.name)); // [ 'cpu.up', 'cpu.down' ]
 * ```
 */
export class Policy {
  /**
   * @param document - A document as an object, or as JSON text or UTF-8 bytes; of a text the diagnostics say line and column.
   * @throws {@link PolicyError} with everything that is wrong with the document; {@link InputTypeError} and {@link InputError} where it is no plain
   * data: a circle, a `Map`, NaN.
   */
  constructor(document: Source);
  /** The name of the document. */
  readonly name: string;
  /** Hexadecimal digits that tell this document from others; equal documents have equal ones, on every machine. */
  readonly fingerprint: string;
  /** Whether decisions have instructions. */
  readonly mode: 'monitor' | 'active';
  /** The rules, in the order in which decisions report them. */
  readonly rules: readonly RuleInfo[];
  /** The metrics. */
  readonly metrics: readonly MetricInfo[];
  /** The attributes. */
  readonly attributes: readonly AttributeInfo[];
  /** The parameters, with the values that count and where these come from. */
  readonly parameters: readonly ParameterInfo[];
  /** The least and most of each resource, as in the document. */
  readonly limits: LimitsData;
  /** What holds changes back, as in the document: what is not there has its default. */
  readonly guards: GuardsData;
  /** What is odd about the document, though it compiles. */
  readonly warnings: readonly Diagnostic[];
  /** The document that it was made of; of a document of a library, with everything that it inherits. */
  readonly document: Readonly<Record<string, unknown>>;
  /**
   * What is odd about the rules beside each other: conditions that are never or always true, rules that contradict or repeat each other, thresholds in the
   * wrong order, rules that go up and down for ever at a constant load; each with an example where there is one.
   * @param options - `retention`: how far back samples can be had; windows that reach further are reported.
   */
  lint(options?: { retention?: Duration | undefined }): readonly Diagnostic[];
  /**
   * The bytes that the windows of a task may take, known before anything runs.
   * @param taskManagers - How many TaskManagers it has, from 0 to 1,000,000; 1 where it is left out.
   */
  bytesPerTask(taskManagers?: number): number;
  /** One line, or more, for people. */
  toString(): string;
}

/** A built-in strategy: rules in the format of documents, with parameters. */
export class Template {
  /** @throws {@link InputError} where there is none of that name. */
  constructor(name: string);
  /** All of them. */
  static all(): Template[];
  /** Its name. */
  readonly name: string;
  /** What it sees and does. */
  readonly doc: string;
  /** Its parameters with their defaults, by the name under which a document sets them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Everything it consists of, as a document that works as it stands. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The same as indented JSON. */
  toJson(): string;
}

/** Documents by name, of which some extend others. */
export class Library {
  /** @throws as {@link Library.add}. */
  constructor(documents?: Iterable<Source>);
  /** The names of all documents. */
  readonly names: string[];
  /**
   * Adds a document and gives its name.
   * @throws {@link PolicyError} with everything that is wrong with it; nothing is changed then.
   */
  add(document: Source): string;
  /**
   * Replaces the document of the same name, and gives the names of all documents that are different now: compile the policies of these anew.
   * @throws {@link PolicyError} with everything that is wrong with it, and with the documents that extend it; nothing is changed then.
   */
  replace(document: Source): string[];
  /** Removes a document. @throws {@link PolicyError} where there is none, or others extend it. */
  remove(name: string): void;
  /** The documents that one extends, as it says them. */
  parents(name: string): string[];
  /** The documents that extend one, directly or through others. */
  dependents(name: string): string[];
  /** A document with everything that it inherits. @throws {@link PolicyError} where something is missing or does not fit. */
  resolve(name: string): ResolvedDocument;
  /** The policy of a document with everything that it inherits. @throws {@link PolicyError} with everything that is wrong with it. */
  policy(name: string): Policy;
}

/** One value of a document, and who says it. */
export interface SaidValue {
  /** Where it stands in the flat document. */
  path: string;
  /** The value, as JSON. */
  value: string;
  /** The document that says it. */
  document: string;
  /** Where it stands there. */
  at: string;
}

/** A document with everything that it inherits. As a string it is a table of all values. */
export interface ResolvedDocument {
  /** Its name. */
  readonly name: string;
  /** The flat document. */
  readonly document: Record<string, unknown>;
  /** The documents that were applied, in this order. */
  readonly documents: string[];
  /** Every value, and who says it. */
  readonly values: SaidValue[];
  /** One line, or more, for people. */
  toString(): string;
}

/** Which task gets which document: conditions over attributes, of which the first that is true counts. */
export class Assigner {
  /** @throws {@link PolicyError} with everything that is wrong with the assignments. */
  constructor(assignments: Source);
  /** The documents that tasks can get. */
  readonly documents: readonly string[];
  /** What is odd about the assignments. */
  readonly warnings: readonly Diagnostic[];
  /** The document for a task with these attributes, and why; others are not looked at. @throws {@link TaskError} where one is of another type. */
  assign(attributes: Readonly<Record<string, number | boolean | string>>): Assigned;
  /** What is wrong where a library does not have a document. */
  check(library: Library): Diagnostic[];
}

/** An assignment that could not be decided. */
export interface UndefinedAssignment {
  /** Its index. */
  index: number;
  /** The document that it would give. */
  document: string;
  /** What was not known. */
  reason: string;
}

/** The document for a task. As a string it is the whole story. */
export interface Assigned {
  /** Its name; `null` where no condition is true and there is no default. */
  readonly document: string | null;
  /** The index of the assignment; `null` for the default. */
  readonly index: number | null;
  /** The parts of the condition with their values. */
  readonly why: string[];
  /** The assignments that could not be decided. */
  readonly undefined: UndefinedAssignment[];
  /** One line, or more, for people. */
  toString(): string;
}

// ----------------------------------------------------------------------------------------------------------------------- expressions

/** The value of a variable: `null` is asked for and not available. */
export type Value = number | bigint | boolean | string | null | undefined;

/**
 * One expression over values that the caller has, without documents and tasks.
 *
 * @example
 * ```js
 * import { Expression } from 'dras';
 * const hot = new Expression('cpu > 80% && lag > 5m', { cpu: 'ratio', lag: 'ms' });
 * hot.evaluate({ cpu: 0.91, lag: 412_000 }); // true
 * hot.evaluate({ cpu: 0.91 });               // undefined: nobody knows the lag
 * hot.evaluate({ cpu: 0.41 });               // false, whatever the lag
 * ```
 */
export class Expression {
  /**
   * @param source - The text.
   * @param variables - Names with what they hold: a unit (`ratio`, `ms`, `GiB`, `number` …), `bool` or `text`. A list of names is of plain numbers.
   * @throws {@link ExpressionError} with everything that is wrong with the text; {@link InputError} where a name or unit of a variable is none.
   */
  constructor(source: string, variables?: Readonly<Record<string, string>> | readonly string[]);
  /** The text that it was made of. */
  readonly source: string;
  /** What its value is: `bool`, `text`, `number`, `s` (seconds), `B` (bytes), `B/s` … */
  readonly type: string;
  /** The variables with what they hold. */
  readonly variables: Readonly<Record<string, string>>;
  /** The variables that its value depends on. */
  readonly used: readonly string[];
  /** What is odd about it, though it compiles. */
  readonly warnings: readonly Diagnostic[];
  /**
   * Its value; `undefined` where it is undefined, and {@link Expression.explain} says why. Numbers are in seconds, bytes or plain numbers, as `type`
   * says. A variable that is missing, `null` or NaN is undefined; other names are not looked at.
   * @throws {@link InputTypeError} where a value is not of its variable's type; {@link InputError} where a text is not of its unit.
   */
  evaluate(values: Readonly<Record<string, Value>>): number | boolean | string | undefined;
  /**
   * The same over a row: one number for each variable, in the order in which they were declared; truth values are 0 and 1, NaN is undefined. The
   * fastest way for one evaluation; use the array again.
   * @throws {@link InputError} where the row is not as long as there are variables, or its memory is gone; {@link InputTypeError} where it is no
   * `Float64Array`, or where the expression is, or uses, a text.
   */
  evaluateRow(row: Float64Array): number | boolean | undefined;
  /**
   * Its values for many rows: row `i` has the `i`-th value of each column. Columns are read where they lie.
   *
   * A condition gives bytes, {@link FALSE}, {@link TRUE} or {@link UNDEFINED}. A number gives a `Float64Array`, NaN where it is undefined.
   * @param columns - Arrays by the names of variables. A variable without a column is undefined in every row; other names are not looked at.
   * @param into - The array that the results are written to, a `Uint8Array` for a condition and a `Float64Array` for a number, as long as the columns and in
   * a buffer of its own; a new one where it is left out. It is what is given back.
   * @throws {@link InputError} where columns are not equally long, or their memory is gone; {@link InputTypeError} where one is no `Float64Array`, or
   * the expression is a text.
   */
  evaluateColumns<Into extends Uint8Array | Float64Array = Uint8Array | Float64Array>(columns: Readonly<Record<string, Float64Array>>, into?: Into): Into;
  /** The value of every part of it. Costs far more than evaluating. */
  explain(values: Readonly<Record<string, Value>>): Explanation;
  /** One line, or more, for people. */
  toString(): string;
}

/** False, in the result of {@link Expression.evaluateColumns}. */
export const FALSE: 0;
/** True, in the result of {@link Expression.evaluateColumns}. */
export const TRUE: 1;
/** Undefined, in the result of {@link Expression.evaluateColumns}. */
export const UNDEFINED: 2;

/** One part of an explained expression. */
export interface Part {
  /** The part, in canonical form. */
  readonly text: string;
  /** Where it stands in the expression, in UTF-16 code units. */
  readonly span: Span;
  /** The index of the part that it belongs to. */
  readonly parent: number | null;
  /** The type of its value. */
  readonly type: string;
  /** Its value; `null` where it is undefined. */
  readonly value: number | boolean | string | null;
  /** Why it is undefined, in words. */
  readonly undefined: string | null;
}

/** The value of every part of one evaluation. As a string it is for people. */
export class Explanation {
  private constructor();
  /** The value of the whole. */
  readonly value: number | boolean | string | undefined;
  /** Why it is undefined, in words. */
  readonly undefined: string | undefined;
  /** A line for each comparison. */
  readonly lines: readonly string[];
  /** The parts, the whole first. */
  readonly parts: readonly Part[];
  /** One line, or more, for people. */
  toString(): string;
}

// ----------------------------------------------------------------------------------------------------------------------------- tasks

/** What became of the samples of one call. */
export interface Accepted {
  /** New samples. */
  stored: number;
  /** Samples that were there already. */
  ignored: number;
  /** Samples whose time had another value; one of the two stays. */
  resolved: number;
  /** Samples refused because of their time, because they are infinite, or because there is no room: {@link Task.counters} say which. */
  refused: number;
  /** Samples of metrics that no rule asks for. */
  unused: number;
}

/** What became of all samples so far. */
export interface Counters {
  /** New samples. */
  accepted: number;
  /** "Asked, not available": `null` and NaN. */
  not_available: number;
  /** Samples that were there already. */
  duplicates_equal: number;
  /** Samples whose time had another value; one of the two stayed. */
  duplicates_resolved: number;
  /** Samples older than others of their series that were taken nevertheless. */
  late: number;
  /** Samples older than any window reaches. */
  too_old: number;
  /** Samples from too far in the future. */
  future: number;
  /** Infinite values. */
  infinite: number;
  /** Samples for which there was no room. */
  too_dense: number;
  /** Events for which there was no room. */
  events_dropped: number;
  /** Texts of events that were too long, and are kept in part. */
  texts_cut: number;
  /** Samples of metrics that no rule asks for. */
  unused: number;
}

/** What an answer brought. */
export interface ReadReport {
  /** Series in the answer. */
  series: number;
  /** What became of their samples. */
  accepted: Accepted;
  /** What the source warns of, and what was left out. */
  notes: string[];
}

/** A range query of Prometheus. */
export interface Query {
  /** The metric that the answer belongs to. */
  metric: string;
  /** The query. */
  promql: string;
  /** The first moment, in ms since the epoch. */
  start: number;
  /** The last moment. */
  end: number;
  /** The distance between two samples, in ms. */
  step: number;
  /** The path under the address of Prometheus. */
  path: string;
  /** The form: the body of a `POST`, or what follows the `?` of a `GET`. */
  form: string;
}

/** When a task is to be looked at next, and how. */
export interface NextLook {
  /** When, in ms since the epoch. */
  at: number;
  /** At what. */
  look: Look;
}

/** When something was taken. */
export interface At {
  /** The present, which must not go back for one task. */
  now: Time;
  /** When it happened; `now` where it is left out. */
  at?: Time | undefined;
}

/** When something was taken, and of what. */
export interface AtInstance extends At {
  /** The name of a TaskManager or subtask; without it the samples are of the task itself. */
  instance?: string | undefined;
}

/** A value of an attribute; `null` makes it undefined again. */
export type AttributeValue = Quantity | boolean | null | undefined;

/**
 * One running Flink job, as dras sees it: its attributes, the windows of its metrics, how long each rule's condition has held, and its history.
 *
 * @example
 * ```js
 * import { Policy, Task } from 'dras';
 * const policy = new Policy({ version: 1, strategies: [{ use: 'cpu' }] });
 * const task = new Task(policy, 'orders', { attributes: { parallelism: 4, task_managers: 2 } });
 * const now = Date.now();
 * task.row({ cpu: 0.93 }, { now, instance: 'tm-1' });
 * console.log(task.decide(now).explain());
 * ```
 */
export class Task {
  /** @throws {@link TaskError} where an attribute is unknown or of another type. */
  constructor(
    policy: Policy,
    id: string,
    options?: { attributes?: Readonly<Record<string, AttributeValue>>; labels?: Readonly<Record<string, string>> },
  );
  /**
   * Makes a task of a snapshot, under the same document or another one; what does not go along is said.
   * @throws {@link SnapshotError} where the bytes are none, were cut short or changed, or come from another version.
   */
  static restore(policy: Policy, snapshot: Uint8Array | ArrayBuffer): RestoredTask;
  /** The platform's name for it. */
  readonly id: string;
  /** The policy that it belongs to. */
  readonly policy: Policy;
  /** The attributes that are set, in seconds, bytes and plain numbers. */
  readonly attributes: Record<string, number | boolean | string>;
  /** What became of the samples that it was given. */
  readonly counters: Counters;
  /** What was instructed, applied, and done by somebody else. */
  readonly history: History;
  /**
   * Sets attributes, all or none. Numbers are in the declared unit, seconds and bytes for built-in ones; texts have their own: `"4GiB"`.
   * @throws {@link TaskError} where there is no such attribute, it is of another type or cannot be set, or its number is not finite.
   */
  set(attributes: Readonly<Record<string, AttributeValue>>): void;
  /** Sets labels: what `{{labels}}` in queries selects the task's series with. @throws {@link TaskError} */
  setLabels(labels: Readonly<Record<string, string>>): void;
  /**
   * Takes the Flink configuration that the task runs with. From it follow the attributes of all components of memory, so that rules can set them, and
   * the number of slots. Entries that are about something else are not looked at.
   * @throws {@link TaskError} where Flink would not start with it; the message says why.
   */
  setFlinkConfiguration(configuration: Readonly<Record<string, string | number | boolean>> | ReadonlyMap<string, string | number | boolean>): void;
  /**
   * Takes one scrape: values of several metrics, in their declared units, at one time. `null` and NaN are "asked, not available".
   * @throws {@link TaskError} where a metric is unknown or holds texts, or `now` went back.
   */
  row(values: Readonly<Record<string, Quantity | null | undefined>>, options: AtInstance): Accepted;
  /**
   * Takes many samples of one series, in any order. Arrays are read where they lie; of a `SharedArrayBuffer` a copy is made first. A `BigInt64Array` of
   * times is the fastest.
   * @throws {@link TaskError} where the metric is unknown or holds texts, `now` went back, or times and values are not equally many;
   * {@link InputError} where the memory of an array is gone.
   */
  column(metric: string, times: BigInt64Array | Float64Array, values: Float64Array, options: { now: Time; instance?: string | undefined }): Accepted;
  /** Takes an event: an exception or another log line. One that is there already is recognised. @throws {@link TaskError} */
  event(metric: string, message: string, options: AtInstance): Accepted;
  /** Says that all events up to `until` (`now`) were handed over. Without it the absence of events says nothing. @throws {@link TaskError} */
  observed(metric: string, options: { now: Time; until?: Time | undefined }): void;
  /** Marks a restart or a change of resources: samples from before it, and from the warm-up after it, do not count in windows. */
  mark(mark: 'restart' | 'change', at: Time): void;
  /** Says that an instance has ended, or one metric of it: it leaves everything over instances at once, without waiting to go stale. */
  end(instance: string, at: Time, options?: { metric?: string | undefined }): void;
  /**
   * The range queries whose answers complete the task's windows at `now`: hand each answer to {@link Task.readPrometheus}, in this order.
   * @throws {@link TaskError} where a label or attribute that a query needs is not set.
   */
  queries(now: Time, options?: { look?: Look | undefined }): Query[];
  /**
   * Reads the body of an answer of Prometheus' `/api/v1/query` or `/api/v1/query_range`. Each series is an instance.
   * @throws {@link ReadError} where it is not such an answer, says an error, or its series cannot be told apart; {@link TaskError}
   */
  readPrometheus(metric: string, body: Body, options: { now: Time }): ReadReport;
  /**
   * Reads the body of an answer of Flink's `/jobs/:id/metrics`, `/taskmanagers/:id/metrics` or `/jobs/:id/vertices/:id/metrics` that was fetched at `at`;
   * `instance` names what was asked.
   * @throws {@link ReadError}, {@link TaskError}
   */
  readFlinkMetrics(body: Body, options: AtInstance): ReadReport;
  /** Reads the body of an answer of Flink's `/jobs/:id/exceptions` into an event metric. @throws {@link ReadError}, {@link TaskError} */
  readFlinkExceptions(metric: string, body: Body, options: At): ReadReport;
  /**
   * Looks at the task and decides. A short look looks at urgent rules only, and takes nothing away.
   *
   * The same policy, samples, attributes and times of looks give the same decision, to the bit, in Rust, Python and Node.
   * @throws {@link TaskError} where `now` went back.
   */
  decide(now: Time, options?: { look?: Look | undefined }): Decision;
  /** The first look that is due after `after`, by the document's `timing`; spread, so that tasks are not all looked at in the same second. */
  nextLook(after: Time): NextLook;
  /**
   * Says that an instruction (or its key) was applied, and that the task has run with it since `at`. The same again changes nothing.
   * @throws {@link TaskError} where it was never given, was reported as failed, or `at` is before it was given or in the future.
   */
  applied(instruction: Instruction | string, options: At): void;
  /** Says that an instruction (or its key) could not be applied, and why. @throws {@link TaskError} as {@link Task.applied}. */
  failed(instruction: Instruction | string, reason: string, options: At): void;
  /** Everything about the task, as bytes for {@link Task.restore}; portable between machines and between Rust, Python and Node. */
  snapshot(): Buffer;
  /**
   * Puts the task under another document, with its samples, attributes and history, and says what does not go along. A shadow ends. A task of a fleet
   * moves with {@link Fleet.replacePolicy}.
   */
  replacePolicy(policy: Policy): Carried;
  /** What another document would decide otherwise, if both looked at the task now; `null` where nothing. Nothing is changed. @throws {@link TaskError} */
  difference(policy: Policy, now: Time): Difference | null;
  /**
   * Tries out another document beside the live one: it is fed the same samples from now on, looks when {@link Task.decide} does, and changes nothing. An
   * earlier shadow ends.
   */
  startShadow(policy: Policy): void;
  /** Ends that. */
  stopShadow(): void;
  /** Makes the document that is tried out the live one, with all that it has seen. @throws {@link InputError} where there is none. */
  promoteShadow(): void;
  /** The document that is tried out, if one is. */
  readonly shadow: Policy | null;
  /** What it came to at the last look; `null` before the first one. */
  readonly shadowDecision: Decision | null;
  /** Where that was something else than what the live document came to. */
  readonly shadowDifference: Difference | null;
  /** Frees its memory at once; every later call throws a {@link StateError}. Without it the memory goes with the object. */
  dispose(): void;
  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void;
  /** One line for people. */
  toString(): string;
}

/** A task of a snapshot. */
export interface RestoredTask {
  /** The task. */
  task: Task;
  /** What does not go along to the policy that it was restored under. */
  carried: Carried;
}

/** What of a task's state could not go along to another document. */
export interface Carried {
  /** Attributes that the document does not have, or has with another type. */
  attributesDropped: string[];
  /** Rules whose conditions have changed, so that what has held begins anew. */
  rulesBegunAnew: string[];
}

/** One resource, before and after. */
export interface ResourceStep {
  /** The resource. */
  readonly resource: Resource;
  /** What the task had: subtasks, or bytes. */
  readonly from: number;
  /** What it has then. */
  readonly to: number;
}

/** One entry of a {@link History}. */
export interface HistoryRecord {
  /** When, in ms since the epoch. */
  at: number;
  /** What happened: an instruction was given, applied, or could not be; or somebody else changed something. */
  kind: 'instructed' | 'applied' | 'failed' | 'external';
  /** Why it failed. */
  reason?: string;
  /** The key of the instruction; empty for what somebody else did. */
  key: string;
  /** What changed, or was to change. */
  steps: ResourceStep[];
  /** The rules that wanted it. */
  rules: string[];
  /** The entries of Flink's configuration that change with it. */
  entries?: [key: string, value: string][];
}

/** What a rule promised of its action. */
export interface PromiseOfRule {
  /** Its name. */
  rule: string;
  /** The value of what it lowers or raises, at the decision. */
  before: number;
  /** The value that it will have if the action works as it should. */
  promised: number;
}

/** An instruction that nobody has reported on. */
export interface PendingInstruction {
  /** Its key. */
  key: string;
  /** When it was first given, in ms since the epoch. */
  at: number;
  /** What it asks for. */
  steps: ResourceStep[];
  /** The rules that want it. */
  rules: string[];
  /** The entries of Flink's configuration that change with it. */
  entries: [key: string, value: string][];
  /** What the rules promise of it. */
  promises: PromiseOfRule[];
}

/** What an applied action was to bring, and has brought. */
export interface Effect {
  /** What was promised. */
  promise: PromiseOfRule;
  /** When the action was applied, in ms since the epoch. */
  at: number;
  /** The share of the promised gain that was there when it was judged; `null` before that. */
  gain: number | null;
  /** Until when the rule waits because that was too little. */
  waits_until: number | null;
}

/** A size of a resource that was not enough. */
export interface RanOut {
  /** The resource. */
  resource: Resource;
  /** What the task had of it. */
  size: number;
  /** Until when nothing takes it down to that again, in ms since the epoch. */
  until: number;
}

/** What was recommended for a resource, look by look. */
export interface Recommendations {
  /** The resource. */
  resource: Resource;
  /** Since when there has been one at every look. */
  since: number;
  /** When the last one was. */
  last: number;
  /** Times and targets, oldest first; of equal ones in a row, the newest. */
  log: [at: number, target: number][];
}

/** What happened to a task. */
export interface History {
  /** How often resources changed, or were tried to. */
  generation: number;
  /** Oldest first. */
  records: HistoryRecord[];
  /** The instruction that nobody has reported on. */
  pending: PendingInstruction | null;
  /** When resources last changed, or were tried to. */
  last_change: number | null;
  /** What applied actions were to bring, and have brought. */
  effects: Effect[];
  /** Sizes that were not enough. */
  ran_out: RanOut[];
  /** What was recommended, look by look. */
  recommendations: Recommendations[];
  /** What the task had at the last look. */
  known: [resource: Resource, amount: number][];
}

// ------------------------------------------------------------------------------------------------------------------------- decisions

/** What became of a rule at a look. */
export type RuleState = 'not_looked' | 'not_met' | 'undefined' | 'holding' | 'fired';

/** A change of one resource. */
export interface Change extends ResourceStep {
  /** What the rules want. */
  readonly wanted: number;
  /** Whether an urgent rule wants it. */
  readonly urgent: boolean;
  /** What happened on the way from what is wanted to what is to be had. */
  readonly notes: readonly string[];
  /** The rules that want it. */
  readonly rules: readonly string[];
}

/** A reason why a change waits. */
export type Guard =
  | 'warm_up'
  | 'cool_down'
  | 'stabilisation'
  | 'excluded_period'
  | 'restart_budget'
  | 'missing_data'
  | 'ineffective'
  | 'oscillation'
  | 'ran_out'
  | 'short_look'
  | 'awaiting'
  | 'quota'
  | 'refused';

/** A guard that holds a change. */
export interface HeldBy {
  /** The guard. */
  readonly guard: Guard;
  /** How much longer, in ms; `null` where no end is known. */
  readonly left: number | null;
}

/** A change that would be made but for guards. */
export interface Held extends Change {
  /** The guards, and how much longer they hold in ms; `null` where no end is known. */
  readonly by: readonly HeldBy[];
  /** More about it. */
  readonly why: string | null;
}

/** A direction of change that a guard holds. */
export interface HeldDirection {
  /** The direction. */
  readonly direction: 'up' | 'down' | 'urgent';
  /** How much longer, in ms; `null` where no end is known. */
  readonly left: number | null;
}

/** A guard that holds directions of change. */
export interface GuardState {
  /** The guard. */
  readonly guard: Guard;
  /** The directions that it holds, and how much longer in ms; `null` where no end is known. */
  readonly holds: readonly HeldDirection[];
}

/** Something that people should be told. */
export interface Alert {
  /** Whether a rule says so, or a limit is reached and the job still fails. */
  readonly kind: 'rule' | 'capped_and_still_failing';
  /** The rule. */
  readonly rule: string;
  /** What to say. */
  readonly text: string;
}

/** The memory of one process after the changes. */
export interface ProcessMemory {
  /** The kind of process. */
  readonly process: Process;
  /** Its process memory now, in bytes. */
  readonly from: number | null;
  /** Its process memory then, in bytes. */
  readonly to: number;
  /** The entries of Flink's configuration that change. */
  readonly entries: readonly (readonly [key: string, value: string])[];
}

/** What a rule proposed for a resource, and what became of it. */
export interface Proposal {
  /** The resource. */
  readonly resource: Resource;
  /** What the rule's expression says, up to whole steps; `null` where it is undefined. */
  readonly target: number | null;
  /** What became of it. */
  readonly fate: 'taken' | 'no_change' | 'beaten' | 'dropped_while_growing' | 'held' | 'within_tolerance' | 'limited' | 'undefined';
  /** The rule that won, or the guard that holds it. */
  readonly by: string | null;
  /** Why there is nothing to propose. */
  readonly undefined: string | null;
  /** The values it was computed from. */
  readonly explanation: readonly string[];
}

/** What became of a rule. */
export interface RuleOutcome {
  /** Its name. */
  readonly rule: string;
  /** Where it stands: `rules[2]`, or the strategy it comes from. */
  readonly path: string;
  /** What it came to. */
  readonly state: RuleState;
  /** Since when its condition has been true, in ms since the epoch. */
  readonly since: number | null;
  /** How long it must still hold, in ms. */
  readonly left: number | null;
  /** Why it cannot be answered. */
  readonly undefined: string | null;
  /** The share of the promised gain that its last action brought, where that was too little. */
  readonly gain: number | null;
  /** The condition with its values, a line for each comparison. */
  readonly explanation: readonly string[];
  /** The value of every part of the condition. */
  readonly parts: readonly Part[];
  /** What it proposed. */
  readonly proposals: readonly Proposal[];
}

/** One input of a decision. */
export interface Input {
  /** As the author wrote it: `avg(cpu[5m])`, `parallelism`. */
  readonly text: string;
  /** The type of its value, as in {@link Expression.type}. */
  readonly type: string;
  /** Its value; `null` where it is undefined. */
  readonly value: number | boolean | string | null;
  /** Why it is undefined, in words. */
  readonly undefined: string | null;
}

/** A decision as plain data: what `JSON.stringify` writes. */
export interface DecisionData {
  /** The task's id. */
  readonly task: string;
  /** When the look was taken, in ms since the epoch. */
  readonly at: number;
  /** What was looked at. */
  readonly look: Look;
  /** Whether there are instructions at all. */
  readonly mode: 'monitor' | 'active';
  /** The name of the policy. */
  readonly policy: string;
  /** Its fingerprint. */
  readonly fingerprint: string;
  /** The changes to make. */
  readonly changes: readonly Change[];
  /** What to do, if anything. */
  readonly instruction: InstructionData | null;
  /** The memory of processes after the changes. */
  readonly memory: readonly ProcessMemory[];
  /** The changes that would be made but for guards. */
  readonly held: readonly Held[];
  /** The guards that hold a direction of change. */
  readonly guards: readonly GuardState[];
  /** What people should be told. */
  readonly alerts: readonly Alert[];
  /** What somebody else changed. */
  readonly external: readonly ResourceStep[];
  /** What became of every rule. */
  readonly rules: readonly RuleOutcome[];
  /** What was seen. */
  readonly inputs: readonly Input[];
}

/**
 * What one look at one task came to: nothing, or changes of its resources, and all that led there. Its texts are made when somebody asks for them, so
 * that decisions that nobody looks into cost little.
 */
export class Decision {
  private constructor();
  /** The task's id. */
  readonly task: string;
  /** When the look was taken, in ms since the epoch. */
  readonly at: number;
  /** The same as a `Date`. */
  readonly time: Date;
  /** What was looked at. */
  readonly look: Look;
  /** The policy that decided. */
  readonly policy: Policy;
  /** Whether there are instructions at all. */
  readonly mode: 'monitor' | 'active';
  /** Whether there is anything to hear of: a change, made or held, an alert, or a change by somebody else. */
  readonly matters: boolean;
  /** Whether any rule fired. */
  readonly anyFired: boolean;
  /** Whether any rule could not be answered for lack of data. */
  readonly anyUndefined: boolean;
  /** The changes to make, all in one restart, at most one for each resource; none means that nothing is to be done. */
  readonly changes: readonly Change[];
  /** What to do, if anything. A document in the mode `monitor` gives none. */
  readonly instruction: Instruction | null;
  /** The changes that would be made but for guards. */
  readonly held: readonly Held[];
  /** The guards that hold a direction of change, whether anything wanted to go there or not. */
  readonly guards: readonly GuardState[];
  /** The memory of processes after the changes, where the task's Flink configuration is known. */
  readonly memory: readonly ProcessMemory[];
  /** What people should be told. */
  readonly alerts: readonly Alert[];
  /** What somebody else changed since the last look. */
  readonly external: readonly ResourceStep[];
  /** What each rule came to, in a word; cheaper than `rules`. */
  readonly states: Readonly<Record<string, RuleState>>;
  /** What became of every rule, with the values behind it. */
  readonly rules: readonly RuleOutcome[];
  /** What was seen: every metric and attribute that the rules use, with its value. */
  readonly inputs: readonly Input[];
  /** The whole story as text. */
  explain(): string;
  /** All of it as JSON: the same bytes as in Rust and Python. */
  json(): string;
  /** All of it as plain data. */
  toJSON(): DecisionData;
  /** The same as {@link Decision.explain}. */
  toString(): string;
}

// ---------------------------------------------------------------------------------------------------------------------- instructions

/** From what to what. */
export interface Step {
  /** What the task has: subtasks, or bytes. */
  readonly from: number;
  /** What it is to have. */
  readonly to: number;
}

/** Another memory of one kind of process. */
export interface MemoryStep extends Step {
  /** Entries of Flink's configuration, in the job's own style. */
  readonly entries: readonly (readonly [key: string, value: string])[];
}

/** An instruction as plain data. */
export interface InstructionData {
  /** Idempotency key: hexadecimal digits, the same for the same change of the same task, so that a second delivery is recognised. */
  readonly key: string;
  /** The task's id. */
  readonly task: string;
  /** When it was decided, in ms since the epoch. */
  readonly at: number;
  /** The name of the policy. */
  readonly policy: string;
  /** The fingerprint of the policy. */
  readonly fingerprint: string;
  /** The job's parallelism; `null` where it stays. */
  readonly parallelism: Step | null;
  /** The memory of each TaskManager, in bytes. */
  readonly task_manager_memory: MemoryStep | null;
  /** The memory of the JobManager, in bytes. */
  readonly job_manager_memory: MemoryStep | null;
  /** How the job comes to its new resources. */
  readonly restart: 'in_place' | 'with_savepoint';
  /** The rules that want it. */
  readonly reasons: readonly string[];
}

/** A call of Flink's REST API. */
export interface RestCall {
  /** The method. */
  readonly method: 'GET' | 'PUT' | 'POST';
  /** The path under the address of Flink's REST API. */
  readonly path: string;
  /** The body, to be sent as JSON. */
  readonly body?: unknown;
}

/** What rescales a job in place. */
export interface ResourceRequirements {
  /** The call, with its body. */
  readonly call: RestCall;
  /** The body alone. */
  readonly body: Readonly<Record<string, VertexRequirements>>;
  /** What every vertex gets. */
  readonly vertices: readonly VertexStep[];
}

/** What a vertex needs, as Flink writes it. */
export interface VertexRequirements {
  /** Its parallelism. */
  readonly parallelism: Readonly<Record<'lowerBound' | 'upperBound', number>>;
}

/** The parallelism of a vertex, before and after. */
export interface VertexStep extends Step {
  /** Its id in Flink. */
  readonly id: string;
  /** Why it does not simply get what the job gets. */
  readonly note: string | null;
}

/** Entries of a Flink configuration to set and to remove. */
export interface ConfigurationEntries {
  /** Entries to set. */
  readonly set: Readonly<Record<string, string>>;
  /** Keys to remove. */
  readonly remove: readonly string[];
  /** The entries to set as arguments: `-Dkey=value`. */
  readonly args: readonly string[];
  /** The entries to set as lines of a configuration file. */
  readonly flinkConf: string;
}

/** Stops the job with a savepoint. */
export interface StopStep {
  /** Which step it is. */
  readonly step: 'stop';
  /** The call to make. The trigger's id in its body follows from the instruction, so that a second call is recognised. */
  readonly call: RestCall;
}

/** Waits until the savepoint is there. */
export interface AwaitSavepointStep {
  /** Which step it is. */
  readonly step: 'await_savepoint';
  /** The call to repeat until it is done. */
  readonly call: RestCall;
  /** Where the answer says whether it is done, as a JSON pointer: `/status/id`. */
  readonly status: string;
  /** Where it says the savepoint's location. */
  readonly location: string;
  /** Where it says why it failed. */
  readonly failure: string;
}

/** Changes the configuration. */
export interface ConfigureStep {
  /** Which step it is. */
  readonly step: 'configure';
  /** Entries to set, and keys to remove. */
  readonly entries: Pick<ConfigurationEntries, 'set' | 'remove'>;
  /** Whether processes have to be started anew, since their memory changes. */
  readonly new_processes: boolean;
}

/** Starts the job from the savepoint. */
export interface StartStep {
  /** Which step it is. */
  readonly step: 'start';
  /** The key of Flink's configuration that takes the savepoint's location. */
  readonly savepoint_key: string;
  /** The field of the request to run a JAR that takes it. */
  readonly savepoint_field: string;
  /** The parallelism to start with, where it changes. */
  readonly parallelism?: number;
}

/** One step of a restart with a savepoint. */
export type RestartStep = StopStep | AwaitSavepointStep | ConfigureStep | StartStep;

/** A JSON merge patch of a `FlinkDeployment`. */
export interface DeploymentPatch {
  /** What changes in its `spec`. */
  spec: Record<string, unknown>;
}

/** How a new parallelism spreads over vertices: those that follow the job's, or all in proportion. */
export type Scaling = 'follow_job' | 'proportional';

/** A change of the resources of one task, all of it at once: plain data that can be stored and sent, and its translations. */
export class Instruction implements InstructionData {
  /** @throws {@link InputError} where the data, or its JSON, is no instruction. */
  constructor(data: InstructionData | string | Uint8Array);
  /** As {@link InstructionData.key}. */
  readonly key: string;
  /** The task's id. */
  readonly task: string;
  /** When it was decided, in ms since the epoch. */
  readonly at: number;
  /** When it was decided. */
  readonly time: Date;
  /** The name of the policy. */
  readonly policy: string;
  /** The fingerprint of the policy. */
  readonly fingerprint: string;
  /** The job's parallelism; `null` where it stays. */
  readonly parallelism: Step | null;
  /** The memory of each TaskManager, in bytes; `null` where it stays. */
  readonly task_manager_memory: MemoryStep | null;
  /** The memory of the JobManager, in bytes; `null` where it stays. */
  readonly job_manager_memory: MemoryStep | null;
  /** How the job comes to its new resources. */
  readonly restart: 'in_place' | 'with_savepoint';
  /** The rules that want it. */
  readonly reasons: readonly string[];
  /**
   * What rescales the job in place: `PUT /jobs/:jobid/resource-requirements`. For the adaptive scheduler; all vertices are in its body.
   * @param job - The answer of `GET /jobs/:jobid`.
   * @param options - `present` is the answer of `GET /jobs/:jobid/resource-requirements`, which `lowerBound: 'keep'` needs.
   * @throws {@link TranslationError} where Flink would refuse it, or the vertices are not as the instruction found them; {@link ReadError}
   */
  resourceRequirements(job: Body, options?: { present?: Body; scaling?: Scaling; lowerBound?: 'one' | 'keep' | 'exact' }): ResourceRequirements;
  /**
   * The configuration with which the job is started again; with `job` the parallelism of every vertex is in it.
   * @throws {@link TranslationError}, {@link ReadError}
   */
  configuration(job?: Body, options?: { scaling?: Scaling }): ConfigurationEntries;
  /** The steps that carry it out with one restart, to be done in order. @throws {@link TranslationError} */
  restartWithSavepoint(jobId: string, options?: { targetDirectory?: string; format?: 'canonical' | 'native' }): RestartStep[];
  /**
   * The JSON merge patch that lets the Flink Kubernetes Operator carry it out. With the present manifest, everything in it is looked at that would make
   * the patch do something else.
   * @throws {@link TranslationError}, {@link ReadError}
   */
  flinkDeploymentPatch(
    deployment?: object,
    options?: { job?: Body; scaling?: Scaling; autoscaler?: 'refuse' | 'disable'; allowStateless?: boolean },
  ): DeploymentPatch;
  /** One line for people. */
  toString(): string;
  /** All of it as plain data. */
  toJSON(): InstructionData;
}

// ---------------------------------------------------------------------------------------------------------------------------- fleets

/** A task for which a call failed, while it went on for the others. */
export interface TaskFailure {
  /** The task's id. */
  readonly task: string;
  /** What it says. */
  readonly error: DrasError;
}

/** How work is done on the worker pool. */
export interface PoolOptions {
  /** How many threads do it, from 1 to 256; as many as there are cores where it is left out. */
  threads?: number | undefined;
  /** When it aborts, the promise is rejected with its reason. */
  signal?: AbortSignal | undefined;
}

/** What a call for many tasks came to. */
export interface FleetReport {
  /** What became of the samples. */
  accepted: Accepted;
  /** How many series were taken. */
  series: number;
  /** The tasks that refused. */
  errors: TaskFailure[];
  /** What the source warns of, and what was left out. */
  notes: string[];
}

/**
 * Many tasks of one policy, fed by columns and looked at on all cores. Where a call fails for one task, it goes on for the others and reports the task
 * in `errors`.
 *
 * @example
 * ```js
 * import { Fleet, Policy } from 'dras';
 * const fleet = new Fleet(new Policy({ version: 1, strategies: [{ use: 'cpu' }] }), ['orders', 'bills']);
 * const now = Date.now();
 * const handles = Uint32Array.from(fleet.ids, (id) => fleet.series(id, 'cpu', 'tm-1'));
 * fleet.ingest(handles, now, Float64Array.of(0.93, 0.41), { now });
 * for (const decision of await fleet.decide(now)) console.log(decision.explain());
 * ```
 */
export class Fleet implements Iterable<Task> {
  constructor(policy: Policy, ids?: Iterable<string>);
  /** The policy of all its tasks. */
  readonly policy: Policy;
  /** The ids of its tasks, in the order in which they were added. */
  readonly ids: string[];
  /** How many there are. */
  readonly size: number;
  /** Adds a task, or makes one of that id, and gives it. @throws {@link InputError} where the fleet has one of that id; {@link TaskError} */
  add(task: Task): Task;
  add(
    id: string,
    options?: { attributes?: Readonly<Record<string, AttributeValue>>; labels?: Readonly<Record<string, string>> },
  ): Task;
  /** Takes a task out; handles of its series are no handles any more. @throws {@link InputError} where there is none. */
  remove(id: string): void;
  /** Whether it has a task of that id. */
  has(id: string): boolean;
  /** The task of that id: the task itself, not a copy. */
  get(id: string): Task | undefined;
  /** Its tasks. */
  [Symbol.iterator](): IterableIterator<Task>;
  /**
   * Sets one attribute of many tasks, and gives the tasks that refuse their value.
   * @param values - Values by id, as an object or a `Map`; they are as for {@link Task.set}.
   * @throws {@link InputError} where the fleet has no such task; nothing is set then.
   */
  set(attribute: string, values: Readonly<Record<string, AttributeValue>> | ReadonlyMap<string, AttributeValue>): TaskFailure[];
  /**
   * The handle of a series of a task, for {@link Fleet.ingest}: a whole number that is good until the task is removed.
   * @param instance - The name of a TaskManager or subtask; without it the series is of the task itself.
   * @throws {@link InputError}, {@link TaskError}
   */
  series(task: string, metric: string, instance?: string): number;
  /**
   * Takes samples of many series: for each a handle, a time (or one for all) and a value. Samples of one series that stand one after the other are taken
   * together. Arrays are read where they lie, and the call is done when it returns.
   * @throws {@link InputError} where a handle is none, or columns are not equally long; nothing is taken then.
   */
  ingest(
    series: Uint32Array | readonly number[],
    times: Time | BigInt64Array | Float64Array,
    values: Float64Array,
    options: { now: Time },
  ): FleetReport;
  /**
   * The same on the worker pool, with as many threads as there are cores, or `threads` (1 to 256). Arrays are copied first, and may be used again at once.
   *
   * When `signal` aborts, the promise is rejected with its reason. What was taken by then stays, and taking it again changes nothing.
   * @throws as {@link Fleet.ingest}.
   */
  ingestAsync(
    series: Uint32Array | readonly number[],
    times: Time | BigInt64Array | Float64Array,
    values: Float64Array,
    options: { now: Time; threads?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<FleetReport>;
  /** Reads one answer of Prometheus about many tasks; the value of `label` is a series' task. @throws {@link ReadError}, {@link TaskError} */
  readPrometheus(metric: string, body: Body, options: { label: string; now: Time }): FleetReport;
  /** The same on the worker pool, for answers of many megabytes; `signal` as for {@link Fleet.ingestAsync}. @throws {@link ReadError}, {@link TaskError} */
  readPrometheusAsync(metric: string, body: Body, options: { label: string; now: Time; signal?: AbortSignal | undefined }): Promise<FleetReport>;
  /** The tasks for which a look is due after `after` and not after `until`, by time. */
  due(after: Time, until: Time): DueLook[];
  /**
   * Looks at all tasks, or at those named, on the worker pool, with as many threads as there are cores, or `threads`. Decisions that matter are kept, with
   * `keep: 'all'` all of them.
   *
   * When `signal` aborts, the promise is rejected with its reason. The tasks that were looked at by then have been, and the look can be taken again at
   * the same `now`.
   * @throws {@link InputError} where the fleet has no such task.
   */
  decide(
    now: Time,
    options?: {
      look?: Look | undefined;
      tasks?: Iterable<string> | undefined;
      keep?: 'matters' | 'all' | undefined;
      threads?: number | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<FleetDecisions>;
  /**
   * What another policy would decide otherwise, if all tasks were looked at now; on the worker pool. Nothing is changed.
   * @throws {@link TaskError} where `now` went back for a task; {@link StateError} where one was disposed of.
   */
  differences(policy: Policy, now: Time, options?: PoolOptions): Promise<Difference[]>;
  /**
   * Puts all tasks under another policy, or none, and says what is decided otherwise now and what could not go along. Handles of series stay, but for those
   * of metrics that the other policy does not have. Shadows end.
   * @throws as {@link Fleet.differences}, and with the reason of `signal`; nothing is changed then.
   */
  replacePolicy(policy: Policy, options: { now: Time } & PoolOptions): Promise<Replaced>;
  /**
   * Tries out another policy beside the live one of every task, as {@link Task.startShadow} does; {@link FleetDecisions.differences} says where it comes to
   * something else. Where it fails, no task has a shadow.
   */
  startShadow(policy: Policy, options?: PoolOptions): Promise<void>;
  /** Ends that. */
  stopShadow(): void;
  /** Frees the memory of all its tasks at once; every later call throws a {@link StateError}. Work on the pool that is under way reports it. */
  dispose(): void;
  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void;
  /** One line for people. */
  toString(): string;
}

/** Tasks that were put under another policy. */
export interface Replaced {
  /** What could not go along, by task. */
  carried: Record<string, Carried>;
  /** What is decided otherwise now. */
  differences: Difference[];
}

/** What one policy comes to at a look. */
export interface Verdict {
  /** The changes to make. */
  readonly changes: readonly ResourceStep[];
  /** The changes that guards hold, with the first guard that does. */
  readonly held: readonly (readonly [ResourceStep, Guard | null])[];
  /** The rules that alert. */
  readonly alerts: readonly string[];
}

/** A task about which two policies decide differently. */
export interface Difference {
  /** The task's id. */
  readonly task: string;
  /** The time of the look, in ms since the epoch. */
  readonly at: number;
  /** What the live policy comes to. */
  readonly live: Verdict;
  /** What the other one comes to. */
  readonly other: Verdict;
}

/** A look that is due. */
export interface DueLook extends NextLook {
  /** The task's id. */
  task: string;
}

/** What one look at a fleet came to: the decisions that matter, in the order of the fleet. */
export class FleetDecisions implements Iterable<Decision> {
  private constructor();
  /** When the look was taken, in ms since the epoch. */
  readonly at: number;
  /** How many tasks were looked at. */
  readonly looked: number;
  /** For how many of them there is a change. */
  readonly changed: number;
  /** For how many of them a guard holds one. */
  readonly held: number;
  /** For how many of them a rule fired. */
  readonly fired: number;
  /** For how many of them a rule could not be answered for lack of data. */
  readonly undefined: number;
  /** How many decisions are here. */
  readonly length: number;
  /** The tasks that could not be looked at. */
  readonly errors: readonly TaskFailure[];
  /** The tasks whose shadow came to something else. */
  readonly differences: readonly Difference[];
  /** What to do. */
  readonly instructions: Instruction[];
  /** The decision at a place. */
  decision(index: number): Decision | undefined;
  /** The decision about a task. */
  get(task: string): Decision | undefined;
  /** The decisions, made one by one. */
  [Symbol.iterator](): IterableIterator<Decision>;
}

// ----------------------------------------------------------------------------------------------------------------------------- replay

/**
 * What was measured and known of one task over some time, for {@link replay}.
 *
 * @example
 * ```js
 * import { Policy, Recording, replay } from 'dras';
 * const recording = new Recording('orders');
 * const begin = Date.parse('2027-01-15T08:00:00Z');
 * const times = Float64Array.from({ length: 480 }, (_, i) => begin + i * 15_000);
 * recording.set({ parallelism: 4, task_managers: 1 }, begin);
 * recording.series('cpu', times, new Float64Array(480).fill(0.95), { instance: 'tm-1' });
 * const { summary } = await replay(new Policy({ version: 1, strategies: [{ use: 'cpu' }] }), recording);
 * console.log(summary.looks, summary.with_changes);
 * ```
 */
export class Recording {
  /** @param task - The task's id. */
  constructor(task: string, options?: { labels?: Readonly<Record<string, string>> | undefined });
  /** The task's id. */
  readonly task: string;
  /** The first and the last time of a sample or event, in ms since the epoch; `null` where there is none. */
  readonly span: TimeSpan | null;
  /**
   * Adds samples in the metric's declared unit, in any order; NaN is "asked, not available". Arrays are copied. A document that does not have the metric
   * leaves them out.
   * @param options - `instance`: the name of a TaskManager or subtask; without it the samples are of the task itself.
   * @throws {@link InputError} where times and values are not equally many, or the memory of an array is gone.
   */
  series(metric: string, times: BigInt64Array | Float64Array, values: Float64Array, options?: { instance?: string | undefined }): void;
  /** Adds an event: an exception or another log line. */
  event(metric: string, message: string, options: { at: Time; instance?: string | undefined }): void;
  /** Adds a restart or a change of resources. */
  mark(mark: 'restart' | 'change', at: Time): void;
  /**
   * Says what attributes were from a time on. A recording knows no document: numbers are in the unit that the document will declare (seconds and bytes for
   * built-in attributes), and texts are texts.
   */
  set(attributes: Readonly<Record<string, number | bigint | boolean | string | undefined>>, at: Time): void;
  /** Says with what Flink configuration the task ran from a time on. */
  setFlinkConfiguration(
    configuration: Readonly<Record<string, string | number | boolean>> | ReadonlyMap<string, string | number | boolean>,
    at: Time,
  ): void;
  /** Frees its memory at once, or when the last replay of it ends; every later call throws a {@link StateError}. */
  dispose(): void;
  /** For `using`: the same as `dispose`. */
  [Symbol.dispose](): void;
}

/** From a time to another one, both included. */
export interface TimeSpan {
  /** The first, in ms since the epoch. */
  from: number;
  /** The last, in ms since the epoch. */
  to: number;
}

/** A replay in numbers. */
export interface ReplaySummary {
  /** Looks, short ones included. */
  readonly looks: number;
  /** Looks at which a rule could not be answered for lack of data. */
  readonly undefined: number;
  /** Looks at which something was to change. */
  readonly with_changes: number;
  /** Instructions that were different from the one before. */
  readonly instructions: number;
  /** Instructions that were taken as applied. */
  readonly applied: number;
  /** Applied instructions that took a resource back where it came from within an hour. */
  readonly reversals: number;
  /** Looks with alerts. */
  readonly with_alerts: number;
  /** How often each guard held a change back. */
  readonly held: Readonly<Partial<Record<Guard, number>>>;
  /** How often each rule fired. */
  readonly fired: Readonly<Record<string, number>>;
  /** From the first look to the last, in ms. */
  readonly span: number;
  /** Applied instructions for each day; `null` where it spans no time. */
  readonly restarts_per_day: number | null;
}

/** What a replay came to: a summary, and decisions, oldest first. */
export class Replay implements Iterable<Decision> {
  private constructor();
  /** The replay in numbers. */
  readonly summary: ReplaySummary;
  /** How many decisions are here. */
  readonly length: number;
  /** The decision at a place. */
  decision(index: number): Decision | undefined;
  /** The decisions, made one by one. */
  [Symbol.iterator](): IterableIterator<Decision>;
}

/** How to replay. */
export interface ReplayOptions {
  /** The first look is due after this; the beginning of the recording where it is left out. */
  from?: Time | undefined;
  /** The last look is not after this; the end of the recording where it is left out. */
  to?: Time | undefined;
  /** Each instruction is taken as applied after this time; without it, none is, and the task has what the recording says. */
  follow?: Duration | undefined;
  /** Which decisions are kept: those that matter, or all of them. */
  keep?: 'matters' | 'all' | undefined;
  /** When it aborts, the promise is rejected with its reason. */
  signal?: AbortSignal | undefined;
  /** Is told now and then which share is done, and 1 at the end. What it throws ends the replay, and rejects the promise. */
  onProgress?: ((share: number) => void) | undefined;
}

/**
 * Looks at a recording as often as the document's `timing` says, as a platform would have; on the worker pool.
 *
 * The recorded metrics stay what they were: a replay shows when and why a document acts and what its guards hold back, and is no model of what another
 * parallelism would have done to the job.
 * @throws {@link TaskError} where the recording is empty, has no metric of the document, or an attribute of another type than the document says.
 */
export function replay(policy: Policy, recording: Recording, options?: ReplayOptions): Promise<Replay>;

// -------------------------------------------------------------------------------------------------------------------- about the language

/** An example of a function. */
export interface ExampleInfo {
  /** The expression. */
  readonly source: string;
  /** Its value. */
  readonly result: string;
}

/** A function of the expression language. */
export interface FunctionInfo {
  /** Its name. */
  readonly name: string;
  /** How it is called: `clamp(x, low, high)`. */
  readonly signature: string;
  /** The group that it stands in. */
  readonly group: string;
  /** What it does. */
  readonly doc: string;
  /** Expressions with their results. */
  readonly examples: readonly ExampleInfo[];
}

/** All functions of the expression language. */
export function functions(): readonly FunctionInfo[];

/** A code of diagnostics. */
export interface ErrorCodeInfo {
  /** The code: `E0201`. */
  readonly code: string;
  /** Whether it refuses the text, warns, or only remarks. */
  readonly severity: 'error' | 'warning' | 'info';
  /** What it is about, in a few words. */
  readonly title: string;
  /** Its cause and cure. */
  readonly explanation: string;
}

/** All codes of diagnostics. */
export function errorCodes(): readonly ErrorCodeInfo[];

/** The canonical form of an expression. @throws {@link ExpressionError} */
export function formatExpression(source: string): string;

/** What a quantity is worth. */
export interface ParsedQuantity {
  /** Its value in seconds, bytes or plain numbers. */
  value: number;
  /** `s`, `B`, `number` … as in {@link Expression.type}. */
  unit: string;
}

/** What a text such as `5m`, `2GiB` or `80%` is worth in seconds, bytes or plain numbers. @throws {@link InputError} */
export function parseQuantity(text: string): ParsedQuantity;

/** The JSON Schema of rule documents. */
export function schema(): Readonly<Record<string, unknown>>;

// ----------------------------------------------------------------------------------------------------------------------- Flink's memory

/** Every component of a process in bytes, as Flink derives it; what a JobManager does not have is 0. */
export interface MemoryBreakdown {
  /** The kind of process. */
  readonly kind: Process;
  /** Heap that Flink itself takes. */
  readonly framework_heap: number;
  /** Heap for the job. */
  readonly task_heap: number;
  /** Direct memory that Flink itself takes. */
  readonly framework_off_heap: number;
  /** Direct memory for the job. */
  readonly task_off_heap: number;
  /** Network buffers. */
  readonly network: number;
  /** Managed memory. */
  readonly managed: number;
  /** `-XX:MaxMetaspaceSize`. */
  readonly metaspace: number;
  /** Overhead of the JVM. */
  readonly overhead: number;
  /** `-Xmx`. */
  readonly jvm_heap: number;
  /** `-XX:MaxDirectMemorySize`. */
  readonly jvm_direct: number;
  /** Total Flink memory. */
  readonly flink: number;
  /** Total process memory. */
  readonly process: number;
}

/** A component of a process' memory. */
export type Component =
  | 'framework_heap'
  | 'task_heap'
  | 'framework_off_heap'
  | 'task_off_heap'
  | 'network'
  | 'managed'
  | 'metaspace'
  | 'overhead';

/** What Flink makes of a memory configuration, to the byte. @throws {@link InputError} where Flink would not start with it, with what it would say. */
export function deriveMemory(process: Process, configuration: Readonly<Record<string, string | number | boolean>>): MemoryBreakdown;

/** A memory configuration, and what Flink makes of it. */
export interface MemoryPlan {
  /** The entries to set. */
  entries: Record<string, string>;
  /** What Flink makes of the present configuration; `null` where it would not start with it. */
  before: MemoryBreakdown | null;
  /** What Flink makes of the new one. */
  after: MemoryBreakdown;
}

/**
 * The smallest configuration in which components are at least as large as asked, in the style of the present one.
 * @param targets - Bytes by component.
 * @param options - `total`: the process memory to reach, in bytes; `step`: sizes are multiples of it (1 MiB).
 * @throws {@link InputError} where no configuration does that.
 */
export function planMemory(
  process: Process,
  configuration: Readonly<Record<string, string | number | boolean>>,
  targets: Readonly<Partial<Record<Component, number>>>,
  options?: { total?: number; step?: number },
): MemoryPlan;
