'use strict';

const { inspect } = require('node:util');
const native = require('./native.cjs');
const { translate, InputError, InputTypeError } = require('./errors.cjs');
const { freeze } = require('./freeze.cjs');
const input = require('./input.cjs');

const [ABSENT, NUMBER, NULL, TEXT] = [0, 1, 2, 3];

/** The truth values of columns. */
const FALSE = 0;
const TRUE = 1;
const UNDEFINED = 2;

/** Variables with what they hold, as declared: names with units, or names alone for plain numbers. */
function declarations(variables) {
  if (variables === undefined || variables === null) return Object.create(null);
  if (typeof variables !== 'object') throw input.wrongType(variables, 'the variables', 'an object of names and units, or an array of names');
  if (Array.isArray(variables)) {
    const declared = Object.create(null);
    for (const name of variables) {
      if (input.text(name, 'the name of a variable') in declared) throw new InputError(`the variable \`${name}\` is declared twice`, 'name');
      declared[name] = 'number';
    }
    return declared;
  }
  const declared = Object.create(null);
  for (const name of Object.keys(variables)) {
    input.text(name, 'the name of a variable');
    declared[name] = input.text(variables[name], `the unit of \`${name}\``);
  }
  return declared;
}

class Expression {
  #native;
  #names;
  #kinds;
  /** The numbers that `#call` evaluates over. Nobody else sees it, so that its memory stays. */
  #space;
  #said;
  #call;
  /** The same where something is not there or is a text. */
  #callAny;
  /** Whether somebody is filling the space: a getter among the values may evaluate as well. */
  #filling = false;
  #places;
  #type;

  constructor(source, variables = undefined) {
    const text = input.text(source, 'the expression');
    const declared = declarations(variables);
    const names = Object.keys(declared);
    this.#space = new Float64Array(names.length);
    this.#said = new Uint8Array(names.length);
    let info;
    try {
      this.#native = new native.NativeExpression(text, names.flatMap((name) => [name, declared[name]]));
      info = JSON.parse(this.#native.info());
      // Rows of numbers do not hold texts.
      this.#call = info.texts || info.type === 'text' ? null : this.#native.evaluator(this.#space);
      this.#callAny = this.#native.anyEvaluator(this.#space, this.#said);
    } catch (error) {
      throw translate(error);
    }
    this.#names = names;
    this.#kinds = names.map((name) => (declared[name] === 'text' || declared[name] === 'bool' ? declared[name] : 'number'));
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.#type = info.type;
    const fields = { source: text, type: info.type, variables: Object.freeze(declared), used: freeze(info.used), warnings: freeze(info.warnings) };
    for (const [name, value] of Object.entries(fields)) Object.defineProperty(this, name, { value, enumerable: true });
  }

  /** Fills the row with what was given. Whether everything is there as a number is the answer; texts are gathered. */
  #fill(values, row, said, texts) {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) throw input.wrongType(values, 'the values', 'an object');
    const names = this.#names;
    const kinds = this.#kinds;
    let plain = true;
    for (let i = 0; i < names.length; i++) {
      const value = values[names[i]];
      if (typeof value === 'number' && kinds[i] === 'number') {
        row[i] = value;
        said[i] = NUMBER;
      } else {
        plain = this.#other(i, value, row, said, texts) && plain;
      }
    }
    return plain;
  }

  /** A value that is not simply a number for a number. Whether it stands in the row is the answer. */
  #other(i, value, row, said, texts) {
    const what = `the variable \`${this.#names[i]}\``;
    const kind = this.#kinds[i];
    if (value === undefined || value === null) {
      // What objects inherit, such as `toString`, is no value, and neither is a name that is not there.
      said[i] = value === null ? NULL : ABSENT;
      return false;
    }
    if (kind === 'bool' && typeof value === 'boolean') {
      row[i] = value ? 1 : 0;
      said[i] = NUMBER;
      return true;
    }
    if (kind === 'number' && typeof value === 'bigint') {
      row[i] = input.number(value, what);
      said[i] = NUMBER;
      return true;
    }
    if (kind !== 'bool' && typeof value === 'string') {
      texts.push(input.text(value, what));
      said[i] = TEXT;
      return false;
    }
    const wanted = { number: 'a number, or a text with its unit such as "5m"', bool: 'a boolean', text: 'a string' }[kind];
    throw input.wrongType(value, what, wanted);
  }

  /** Fills rows of this call's own, and hands them to `then`. */
  #own(values, then) {
    const row = new Float64Array(this.#names.length);
    const said = new Uint8Array(this.#names.length);
    const texts = [];
    this.#fill(values, row, said, texts);
    try {
      return then(row, said, texts);
    } catch (error) {
      throw translate(error);
    }
  }

  evaluate(values) {
    const texts = [];
    let plain;
    if (this.#filling) {
      // Inside of another evaluation: in rows of its own, which stand in the space for a moment.
      const [row, said] = [new Float64Array(this.#names.length), new Uint8Array(this.#names.length)];
      this.#fill(values, row, said, texts);
      return this.#aside(row, said, texts);
    }
    this.#filling = true;
    try {
      plain = this.#fill(values, this.#space, this.#said, texts);
    } finally {
      this.#filling = false;
    }
    try {
      return plain && this.#call !== null ? this.#call() : this.#callAny(...texts);
    } catch (error) {
      throw translate(error);
    }
  }

  /** Evaluates while the space is being filled for somebody else. */
  #aside(row, said, texts) {
    const kept = [new Float64Array(this.#space), new Uint8Array(this.#said)];
    this.#space.set(row);
    this.#said.set(said);
    try {
      return this.#callAny(...texts);
    } catch (error) {
      throw translate(error);
    } finally {
      this.#space.set(kept[0]);
      this.#said.set(kept[1]);
    }
  }

  evaluateRow(row) {
    const length = input.lengthOfFloats(row, 'the row');
    const space = this.#space;
    if (length !== space.length) {
      throw new InputError(`the row has ${length} values, and the expression ${space.length} variables`, 'row_length');
    }
    const call = this.#call;
    if (call === null) {
      throw new InputTypeError('the expression is, or has, a text; rows of numbers are for conditions and numbers', 'type');
    }
    if (this.#filling) return this.#aside(row, new Uint8Array(length).fill(NUMBER), []);
    try {
      for (let i = 0; i < length; i++) space[i] = row[i];
      return call();
    } catch (error) {
      throw translate(error);
    }
  }

  explain(values) {
    return this.#own(values, (row, said, texts) => new Explanation(JSON.parse(this.#native.explain(row, said, texts))));
  }

  evaluateColumns(columns, into = undefined) {
    if (typeof columns !== 'object' || columns === null || Array.isArray(columns) || ArrayBuffer.isView(columns)) {
      throw input.wrongType(columns, 'the columns', 'an object of Float64Arrays');
    }
    const places = [];
    const arrays = [];
    let rows;
    for (const name of Object.keys(columns)) {
      const what = `the column \`${name}\``;
      const column = input.floats(columns[name], what);
      rows ??= column.length;
      if (column.length !== rows) throw new InputError(`${what} has ${column.length} rows, and the ones before it have ${rows}`, 'column_length');
      const place = this.#places.get(name);
      if (place === undefined) continue;
      if (this.#kinds[place] === 'text') throw new InputTypeError(`${what} would have to hold texts, and columns hold numbers`, 'type');
      places.push(place);
      arrays.push(column);
    }
    if (rows === undefined) throw new InputError('without a column there is no number of rows', 'column_length');
    const condition = this.#type === 'bool';
    if (this.#type === 'text') throw new InputTypeError('the expression is a text; columns are for conditions and numbers', 'type');
    const results = into === undefined ? new (condition ? Uint8Array : Float64Array)(rows) : input.results(into, condition, rows, arrays);
    try {
      if (condition) this.#native.conditions(places, arrays, results);
      else this.#native.numbers(places, arrays, results);
    } catch (error) {
      throw translate(error);
    }
    return results;
  }

  toString() {
    return this.source;
  }
}

class Explanation {
  #text;

  constructor({ text, lines, parts }) {
    this.#text = text;
    Object.defineProperty(this, 'lines', { value: freeze(lines), enumerable: true });
    Object.defineProperty(this, 'parts', { value: freeze(parts), enumerable: true });
  }

  get value() {
    return this.parts[0]?.value ?? undefined;
  }

  get undefined() {
    return this.parts[0]?.undefined ?? undefined;
  }

  toString() {
    return this.#text;
  }

  [inspect.custom]() {
    return this.#text;
  }
}

module.exports = { Expression, Explanation, FALSE, TRUE, UNDEFINED };
