'use strict';

/** Makes an object, and all that is in it, unchangeable. */
function freeze(value) {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}

module.exports = { freeze };
