'use strict';

const native = require('./native.cjs');
const { translate } = require('./errors.cjs');
const { freeze } = require('./freeze.cjs');
const input = require('./input.cjs');
const { documentOf, policyOf } = require('./policy.cjs');

class Library {
  #native = new native.NativeLibrary();

  constructor(documents = []) {
    for (const document of documents) this.add(document);
    libraries.set(this, this.#native);
  }

  add(document) {
    return documentOf(document, 'the document', (text) => this.#native.addText(text), (text) => this.#native.addObject(text));
  }

  replace(document) {
    return documentOf(document, 'the document', (text) => this.#native.replaceText(text), (text) => this.#native.replaceObject(text));
  }

  #ask(name, work) {
    const text = input.text(name, 'the name of a document');
    try {
      return work(text);
    } catch (error) {
      throw translate(error);
    }
  }

  remove(name) {
    this.#ask(name, (text) => this.#native.remove(text));
  }

  get names() {
    return this.#native.names();
  }

  parents(name) {
    return this.#ask(name, (text) => this.#native.parents(text));
  }

  dependents(name) {
    return this.#ask(name, (text) => this.#native.dependents(text));
  }

  resolve(name) {
    const { text, ...resolved } = JSON.parse(this.#ask(name, (of) => this.#native.resolve(of)));
    return Object.defineProperty(resolved, 'toString', { value: () => text });
  }

  policy(name) {
    const handle = this.#ask(name, (text) => this.#native.policy(text));
    return policyOf(handle, JSON.stringify(this.resolve(name).document));
  }
}

const libraries = new WeakMap();

class Assigner {
  #native;

  constructor(assignments) {
    this.#native = documentOf(
      assignments,
      'the assignments',
      (text) => native.NativeAssigner.fromText(text),
      (text) => native.NativeAssigner.fromObject(text),
    );
    const { documents, warnings } = JSON.parse(this.#native.info());
    Object.defineProperty(this, 'documents', { value: freeze(documents), enumerable: true });
    Object.defineProperty(this, 'warnings', { value: freeze(warnings), enumerable: true });
  }

  assign(attributes) {
    const text = input.json(attributes, 'the attributes');
    try {
      const { text: story, ...assigned } = JSON.parse(this.#native.assign(text));
      return Object.defineProperty(assigned, 'toString', { value: () => story });
    } catch (error) {
      throw translate(error);
    }
  }

  check(library) {
    const handle = typeof library === 'object' && library !== null ? libraries.get(library) : undefined;
    if (handle === undefined) throw input.wrongType(library, 'the library', 'a Library');
    return JSON.parse(this.#native.check(handle));
  }
}

module.exports = { Assigner, Library };
