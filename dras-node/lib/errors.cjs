'use strict';
// The exceptions of dras. The addon knows nothing of them: it hands over a class' name, a code and a message, and `translate` makes the rest.

class DrasError extends Error {
  constructor(message, code = '', options = undefined) {
    super(message, options);
    Object.defineProperty(this, 'code', { value: code, enumerable: true, configurable: true, writable: true });
  }

  get name() {
    return this.constructor.name;
  }
}

class InputTypeError extends DrasError {}
class InputError extends DrasError {}

class CompileError extends DrasError {
  constructor(message, diagnostics = [], code = '') {
    super(message, code || (diagnostics.find((d) => d.severity === 'error')?.code ?? ''));
    // Not enumerable: whoever prints the error sees it all in the message.
    Object.defineProperty(this, 'diagnostics', { value: diagnostics, enumerable: false, configurable: true, writable: true });
  }
}

class PolicyError extends CompileError {}
class ExpressionError extends CompileError {}
class TaskError extends DrasError {}
class ReadError extends DrasError {}
class TranslationError extends DrasError {}
class SnapshotError extends DrasError {}
class StateError extends DrasError {}
class InternalError extends DrasError {}

const classes = {
  DrasError,
  InputTypeError,
  InputError,
  CompileError,
  PolicyError,
  ExpressionError,
  TaskError,
  ReadError,
  TranslationError,
  SnapshotError,
  StateError,
  InternalError,
};

const MARK = '\u0001';

/** The exception for the text of a fault, or for what a call of the addon threw. */
function translate(error) {
  const text = typeof error === 'string' ? error : error?.message;
  if (typeof text === 'string' && text.startsWith(MARK)) {
    const fault = JSON.parse(text.slice(1));
    if (fault.diagnostics) return new classes[fault.class](fault.message, fault.diagnostics.map(Object.freeze), fault.code);
    return new classes[fault.class](fault.message, fault.code);
  }
  if (!(error instanceof Error) || error instanceof DrasError) return error;
  // What is left of the addon's own errors: a panic, or an argument that the façade should not have let through.
  if (error.code === 'GenericFailure') return new InternalError(`internal error in dras: ${error.message}`, 'internal', { cause: error });
  if (typeof error.code === 'string' && /^(InvalidArg|[A-Z][A-Za-z]+Expected)$/.test(error.code)) {
    return new InputTypeError(error.message, 'type', { cause: error });
  }
  return error;
}

module.exports = { ...classes, translate };
