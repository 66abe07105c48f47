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
  #space = null;
  #places;
  #condition;

  constructor(source, variables = undefined) {
    const text = input.text(source, 'the expression');
    const declared = declarations(variables);
    const names = Object.keys(declared);
    let info;
    try {
      this.#native = new native.NativeExpression(text, names.flatMap((name) => [name, declared[name]]));
      info = JSON.parse(this.#native.info());
    } catch (error) {
      throw translate(error);
    }
    this.#names = names;
    this.#kinds = names.map((name) => (declared[name] === 'text' || declared[name] === 'bool' ? declared[name] : 'number'));
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.#condition = info.type === 'bool' ? true : info.type === 'text' ? undefined : false;
    const fields = { source: text, type: info.type, variables: Object.freeze(declared), used: freeze(info.used), warnings: freeze(info.warnings) };
    for (const [name, value] of Object.entries(fields)) Object.defineProperty(this, name, { value, enumerable: true });
  }

  /** Fills the row with what was given. Whether everything is there as a number is the answer; texts are gathered. */
  #fill(values, space, texts) {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) throw input.wrongType(values, 'the values', 'an object');
    const names = this.#names;
    const { row, said } = space;
    let plain = true;
    for (let i = 0; i < names.length; i++) {
      const value = values[names[i]];
      if (typeof value === 'number' && this.#kinds[i] === 'number') {
        row[i] = value;
        said[i] = NUMBER;
      } else {
        plain = this.#other(i, value, space, texts) && plain;
      }
    }
    return plain;
  }

  /** A value that is not simply a number for a number. Whether it stands in the row is the answer. */
  #other(i, value, { row, said }, texts) {
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

  /** Space for one evaluation. It is nobody else's until it is given back: a getter among the values may evaluate as well. */
  #take() {
    const space = this.#space ?? { row: new Float64Array(this.#names.length), said: new Uint8Array(this.#names.length) };
    this.#space = null;
    return space;
  }

  evaluate(values) {
    const texts = [];
    const space = this.#take();
    const plain = this.#fill(values, space, texts);
    this.#space = space;
    try {
      if (plain && this.#condition === true) {
        const truth = this.#native.condition(space.row);
        return truth === UNDEFINED ? undefined : truth === TRUE;
      }
      if (plain && this.#condition === false) {
        const number = this.#native.number(space.row);
        return number === number ? number : undefined;
      }
      return this.#native.evaluate(space.row, space.said, texts) ?? undefined;
    } catch (error) {
      throw translate(error);
    }
  }

  evaluateRow(row) {
    const numbers = input.floats(row, 'the row');
    try {
      if (this.#condition === true) {
        const truth = this.#native.condition(numbers);
        return truth === UNDEFINED ? undefined : truth === TRUE;
      }
      if (this.#condition === false) {
        const number = this.#native.number(numbers);
        return number === number ? number : undefined;
      }
    } catch (error) {
      throw translate(error);
    }
    throw new InputTypeError('the expression is a text; rows of numbers are for conditions and numbers', 'type');
  }

  explain(values) {
    const texts = [];
    const space = this.#take();
    this.#fill(values, space, texts);
    this.#space = space;
    try {
      return new Explanation(JSON.parse(this.#native.explain(space.row, space.said, texts)));
    } catch (error) {
      throw translate(error);
    }
  }

  evaluateColumns(columns) {
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
    try {
      return this.#condition === false ? this.#native.numbers(places, arrays, rows) : this.#native.conditions(places, arrays, rows);
    } catch (error) {
      throw translate(error);
    }
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
