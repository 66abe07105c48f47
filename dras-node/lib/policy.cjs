'use strict';

const native = require('./native.cjs');
const { translate, InputError } = require('./errors.cjs');
const input = require('./input.cjs');
const { freeze } = require('./freeze.cjs');

/** Calls one function with bytes, and the other with the JSON of an object. */
function documentOf(document, what, fromText, fromObject) {
  const text = input.bytes(document, what);
  if (text === undefined && (typeof document !== 'object' || document === null)) {
    throw input.wrongType(document, what, 'an object, or JSON as a string or Buffer');
  }
  const object = text === undefined ? input.json(document, what) : undefined;
  try {
    return text === undefined ? fromObject(object) : fromText(text);
  } catch (error) {
    throw translate(error);
  }
}

/** What only this package can hand to the constructor: policies that were compiled already, with the text of their document. */
const given = new WeakMap();
const handles = new WeakMap();
const metrics = new WeakMap();

class Policy {
  /** The text of the document, and what it says when somebody has asked. */
  #text;
  #document;

  constructor(document) {
    const made = given.get(document);
    const handle =
      made?.handle ??
      documentOf(
        document,
        'the document',
        (text) => {
          // The bytes are the caller's, and may be others tomorrow.
          this.#text = Buffer.from(text);
          return native.NativePolicy.fromText(this.#text);
        },
        (text) => {
          this.#text = text;
          return native.NativePolicy.fromObject(text);
        },
      );
    this.#text ??= made.text;
    const info = JSON.parse(handle.info());
    for (const [name, value] of Object.entries(info)) {
      Object.defineProperty(this, name, { value: freeze(value), enumerable: true });
    }
    handles.set(this, handle);
    metrics.set(this, new Map(info.metrics.map((metric, index) => [metric.name, index])));
  }

  get document() {
    this.#document ??= freeze(JSON.parse(this.#text));
    return this.#document;
  }

  lint(options = undefined) {
    const { retention: asked } = input.options(options, ['retention'], 'lint');
    const retention = asked === undefined ? undefined : input.duration(asked, 'retention');
    try {
      return freeze(JSON.parse(native_(this).lint(retention)));
    } catch (error) {
      throw translate(error);
    }
  }

  bytesPerTask(taskManagers = 1) {
    return native_(this).bytesPerTask(input.count(taskManagers, 'taskManagers', 1_000_000));
  }

  toString() {
    return `policy ${JSON.stringify(this.name)} (${this.fingerprint}) with the rules ${this.rules.map((rule) => rule.name).join(', ')}`;
  }
}

/** The addon's policy. */
function native_(policy) {
  const handle = typeof policy === 'object' && policy !== null ? handles.get(policy) : undefined;
  if (handle === undefined) throw input.wrongType(policy, 'the policy', 'a Policy');
  return handle;
}

const metricsOf = (policy) => metrics.get(policy);
function policyOf(handle, text) {
  const key = {};
  given.set(key, { handle, text });
  return new Policy(key);
}

class Template {
  #text;

  constructor(name) {
    const wanted = input.text(name, 'the name of a template');
    const all = templates();
    const found = all.find((template) => template.name === wanted);
    if (found === undefined) {
      const names = all.map((template) => template.name).join(', ');
      throw new InputError(`there is no template called ${JSON.stringify(wanted.slice(0, 60))}; there are ${names}`, 'unknown_template');
    }
    const { text, ...fields } = found;
    this.#text = text;
    for (const [field, value] of Object.entries(fields)) Object.defineProperty(this, field, { value, enumerable: true });
  }

  static all() {
    return templates().map((template) => new Template(template.name));
  }

  toJson() {
    return this.#text;
  }
}

let known;
const templates = () => (known ??= freeze(JSON.parse(native.templates())));

module.exports = { Policy, Template, documentOf, metricsOf, nativePolicy: native_, policyOf };
