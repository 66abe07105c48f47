'use strict';

const native = require('./native.cjs');
const { translate } = require('./errors.cjs');
const { freeze } = require('./freeze.cjs');
const input = require('./input.cjs');

/** Something that does not change, read once. */
function once(read) {
  let value;
  return () => (value ??= freeze(JSON.parse(read())));
}

function formatExpression(source) {
  const text = input.text(source, 'the expression');
  try {
    return native.format(text);
  } catch (error) {
    throw translate(error);
  }
}

function parseQuantity(text) {
  const given = input.text(text, 'the quantity');
  try {
    return JSON.parse(native.quantity(given));
  } catch (error) {
    throw translate(error);
  }
}

module.exports = {
  errorCodes: once(() => native.errorCodes()),
  formatExpression,
  functions: once(() => native.functions()),
  parseQuantity,
  schema: once(() => native.schema()),
};
