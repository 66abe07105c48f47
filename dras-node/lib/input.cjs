'use strict';
// Values on their way in, checked strictly: what is not meant is refused, and the message says what was given and what is wanted.

const { isSharedArrayBuffer } = require('node:util').types;
const native = require('./native.cjs');
const { InputError, InputTypeError, translate } = require('./errors.cjs');

// Taken before anybody can replace them: what an array is, it must not say itself.
const TypedArray = Object.getPrototypeOf(Uint8Array);
const getter = (of, name) => Object.getOwnPropertyDescriptor(of, name).get;
const tagOf = getter(TypedArray.prototype, Symbol.toStringTag);
const lengthOf = getter(TypedArray.prototype, 'length');
const bufferOf = getter(TypedArray.prototype, 'buffer');
const keysOf = TypedArray.prototype.keys;

/** What a value is, for messages. */
function typeName(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'object': {
      let name;
      try {
        name = Object.getPrototypeOf(value)?.constructor?.name;
      } catch {
        return 'an object';
      }
      return typeof name === 'string' && name !== '' && name !== 'Object' ? `an object of the class ${name}` : 'an object';
    }
    case 'function':
      return 'a function';
    case 'string':
      return 'a string';
    case 'number':
      return `the number ${value}`;
    case 'boolean':
      return `${value}`;
    default:
      return `a ${typeof value}`;
  }
}

const wrongType = (value, what, wanted) => new InputTypeError(`${what} must be ${wanted}, not ${typeName(value)}`, 'type');

/** A text without halves of characters, which UTF-8 does not have. */
function text(value, what) {
  if (typeof value !== 'string') throw wrongType(value, what, 'a string');
  if (!value.isWellFormed()) throw new InputError(`${what} holds a lone surrogate, which is half a character and no text`, 'not_well_formed');
  return value;
}

/** A duration as a number of ms. */
function duration(value, what) {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && value >= 0) return value;
    throw new InputError(`${what} is ${value}; a duration is a number of ms that is not negative, or a text such as "5m"`, 'duration');
  }
  if (typeof value !== 'string') throw wrongType(value, what, 'a number of ms, or a text such as "5m"');
  let found;
  try {
    found = JSON.parse(native.quantity(text(value, what)));
  } catch (error) {
    throw translate(error);
  }
  if (found.unit !== 's') throw new InputError(`${what} is a duration, and \`${value}\` is not`, 'unit');
  return found.value * 1000;
}

const timeOf = Date.prototype.getTime;

/** A time as a number of ms since the epoch. */
function time(value, what) {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new InputError(`${what} is ${value}; a time is a number of ms since the epoch, or a Date`, 'time');
  }
  if (value instanceof Date) {
    const ms = timeOf.call(value);
    if (Number.isFinite(ms)) return ms;
    throw new InputError(`${what} is an invalid Date`, 'time');
  }
  if (typeof value === 'bigint') {
    if (value >= -8640000000000000n && value <= 8640000000000000n) return Number(value);
    throw new InputError(`${what} is ${value}, which no Date can hold; a time is in ms since the epoch`, 'time');
  }
  throw wrongType(value, what, 'a number of ms since the epoch, or a Date');
}

/** The options of a call, or `undefined`; what is not known is refused, so that nothing is ignored. */
function options(value, known, call) {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw wrongType(value, `the options of ${call}`, 'an object');
  for (const name in value) {
    if (!known.includes(name)) {
      throw new InputError(`${call} has no option \`${name}\`; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`, 'unknown_option');
    }
  }
  return value;
}

/** One of a few words. */
function word(value, what, words) {
  if (typeof value !== 'string') throw wrongType(value, what, 'a string');
  if (!words.includes(value)) {
    throw new InputError(`${what} is ${JSON.stringify(value.slice(0, 60))}; it can be ${words.map((w) => `"${w}"`).join(' or ')}`, 'unknown_word');
  }
  return value;
}

const look = (value) => (value === undefined ? false : word(value, 'look', ['long', 'short']) === 'short');

/** A whole number in a range. */
function count(value, what, most = 0xffffffff, least = 0) {
  if (typeof value !== 'number') throw wrongType(value, what, 'a number');
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new InputError(`${what} is ${value}; it must be a whole number from ${least} to ${most}`, 'number');
  }
  return value;
}

/** A number that a `bigint` may stand for, if it is not too large for it. */
function number(value, what) {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (BigInt.asIntN(64, value) === value && BigInt(number) === value) return number;
    throw new InputError(`${what} is ${value}, which a number of 64 bits does not hold exactly`, 'number_too_large');
  }
  throw wrongType(value, what, 'a number');
}

function tag(value) {
  return typeof value === 'object' && value !== null ? tagOf.call(value) : undefined;
}

/** A typed array as it can be read in one go: of memory that other threads write to, a copy. */
function readable(value, what, Class) {
  if (lengthOf.call(value) === 0) {
    // An array whose memory was taken away, or is not large enough any more, says that it is empty.
    try {
      keysOf.call(value);
    } catch {
      throw new InputError(`the memory of ${what} is gone: its buffer was transferred, or became too small`, 'detached');
    }
  }
  return isSharedArrayBuffer(bufferOf.call(value)) ? new Class(value) : value;
}

/** The length of a `Float64Array`, of which nothing but single numbers will be read. */
function lengthOfFloats(value, what) {
  if (tag(value) !== 'Float64Array') throw wrongType(value, what, 'a Float64Array');
  return lengthOf.call(value) || readable(value, what, Float64Array).length;
}

/** What stops long work when its signal aborts. `end` is to be called when the work is done. */
function cancelBy(signal) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType(signal, 'signal', 'an AbortSignal');
  signal?.throwIfAborted();
  const cancel = new native.NativeCancel();
  const abort = () => cancel.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  return { cancel, end: () => signal?.removeEventListener('abort', abort) };
}

/** Long work on the worker pool, until it is done or its signal aborts. Options were checked before, so that nothing is thrown but by the promise. */
async function work(signal, begin) {
  const { cancel, end } = cancelBy(signal);
  try {
    const done = await begin(cancel);
    signal?.throwIfAborted();
    return done;
  } catch (error) {
    signal?.throwIfAborted();
    throw translate(error);
  } finally {
    end();
  }
}

/** Which decisions are kept: whether all of them are. */
const keep = (value) => (value === undefined ? false : word(value, 'keep', ['matters', 'all']) === 'all');

/** A number of threads; 0 is as many as there are cores. */
function threads(value) {
  if (value === undefined) return 0;
  return count(value, 'threads', 256, 1);
}

/** A `Float64Array`. */
function floats(value, what) {
  if (tag(value) !== 'Float64Array') throw wrongType(value, what, 'a Float64Array');
  return readable(value, what, Float64Array);
}

/** An array that results are written to: as long as there are rows, and in memory of its own. */
function results(value, condition, rows, columns) {
  const what = 'the array for the results';
  const Class = condition ? Uint8Array : Float64Array;
  if (tag(value) !== Class.name) throw wrongType(value, what, condition ? 'a Uint8Array' : 'a Float64Array');
  const buffer = bufferOf.call(value);
  if (isSharedArrayBuffer(buffer)) throw new InputError(`${what} is shared with other threads, and must be the caller's alone`, 'shared');
  const length = readable(value, what, Class) && lengthOf.call(value);
  if (length !== rows) throw new InputError(`${what} has ${length} places, and the columns have ${rows} rows`, 'column_length');
  if (columns.some((column) => bufferOf.call(column) === buffer)) {
    throw new InputError(`${what} lies in the memory of a column`, 'overlap');
  }
  return value;
}

/** Times as a `BigInt64Array` or a `Float64Array`. */
function times(value, what) {
  const is = tag(value);
  if (is === 'BigInt64Array') return readable(value, what, BigInt64Array);
  if (is === 'Float64Array') return readable(value, what, Float64Array);
  throw wrongType(value, what, 'a BigInt64Array or a Float64Array of ms since the epoch');
}

/** Handles of series as a `Uint32Array`. */
function handles(value, what) {
  if (Array.isArray(value)) return Uint32Array.from(value, (handle) => count(handle, `a handle in ${what}`));
  if (tag(value) !== 'Uint32Array') throw wrongType(value, what, 'a Uint32Array, or an array of handles');
  return readable(value, what, Uint32Array);
}

/** Times as a `BigInt64Array`; a `Float64Array` is converted. */
function wholeTimes(value, what) {
  const given = times(value, what);
  if (isBigInts(given)) return given;
  return BigInt64Array.from(given, (t) => BigInt(Math.floor(time(t, `a time in ${what}`))));
}

const isBigInts = (value) => tagOf.call(value) === 'BigInt64Array';

/** Bytes, if it is any kind of these. */
function bytes(value, what) {
  if (typeof value === 'string') return Buffer.from(text(value, what), 'utf8');
  const is = tag(value);
  if (is === 'Uint8Array' || is === 'Uint8ClampedArray') return readable(is === 'Uint8Array' ? value : new Uint8Array(value), what, Uint8Array);
  if (value instanceof ArrayBuffer) {
    try {
      return new Uint8Array(value);
    } catch {
      throw new InputError(`the memory of ${what} is gone: it was transferred`, 'detached');
    }
  }
  return undefined;
}

/** The body of an answer: as it came, or what something made of its JSON. */
function body(value, what) {
  const found = bytes(value, what);
  if (found !== undefined) return found;
  if (typeof value !== 'object' || value === null) throw wrongType(value, what, 'a string, a Buffer, or the object of its JSON');
  return Buffer.from(json(value, what), 'utf8');
}

/** Deeper than anything that dras reads. */
const DEEPEST = 200;

/**
 * The JSON of plain data. Unlike `JSON.stringify` it refuses what has no JSON, and what would silently become something else: NaN, dates, maps,
 * instances of classes, holes.
 */
function json(value, what) {
  const open = new Set();
  const at = (path) => (path === '' ? what : `${what}: ${path}`);
  const write = (value, path) => {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(text(value, at(path)));
      case 'boolean':
        return value ? 'true' : 'false';
      case 'number':
        if (!Number.isFinite(value)) throw new InputError(`${at(path)} is ${value}, which JSON does not have`, 'number');
        return JSON.stringify(value);
      case 'bigint':
        if (BigInt.asIntN(64, value) !== value) throw new InputError(`${at(path)} is ${value}, which does not fit 64 bits`, 'number_too_large');
        return value.toString();
      case 'object':
        break;
      default:
        throw wrongType(value, at(path), 'plain data');
    }
    if (value === null) return 'null';
    if (open.has(value)) throw new InputError(`${at(path)} is a circle: it holds itself`, 'circular');
    if (open.size >= DEEPEST) throw new InputError(`${at(path)} is nested deeper than ${DEEPEST} levels`, 'too_deep');
    open.add(value);
    let out;
    if (Array.isArray(value)) {
      const items = [];
      for (let i = 0; i < value.length; i++) items.push(write(value[i], `${path}[${i}]`));
      out = `[${items.join(',')}]`;
    } else {
      const prototype = Object.getPrototypeOf(value);
      // A plain object, also of another realm, has a prototype at the end of the chain.
      if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw wrongType(value, at(path), 'plain data');
      if (prototype !== null && !Object.hasOwn(prototype, 'hasOwnProperty')) {
        throw new InputTypeError(`${at(path)} must be plain data, not an object with a prototype of its own`, 'type');
      }
      if (Object.getOwnPropertySymbols(value).length > 0) throw new InputError(`${at(path)} has a symbol as a key`, 'symbol');
      const fields = [];
      for (const key of Object.keys(value)) {
        const inner = path === '' ? key : `${path}.${key}`;
        const field = value[key];
        if (field !== undefined) fields.push(`${JSON.stringify(text(key, `a key of ${at(path)}`))}:${write(field, inner)}`);
      }
      out = `{${fields.join(',')}}`;
    }
    open.delete(value);
    return out;
  };
  return write(value, '');
}

module.exports = { body, bytes, count, duration, floats, handles, isBigInts, json, keep, lengthOfFloats, look, number, options, results, text, threads, time, times, typeName, wholeTimes, word, work, wrongType };
