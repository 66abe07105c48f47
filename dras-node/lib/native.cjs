'use strict';
// The addon: from this package's platform package, or from the folder where it was just built.

const { version } = require('../package.json');

function load() {
  try {
    return require('../native.cjs');
  } catch (cause) {
    const musl = process.platform === 'linux' && !process.report?.getReport?.().header.glibcVersionRuntime;
    const suffix = { linux: musl ? '-musl' : '-gnu', win32: '-msvc' }[process.platform] ?? '';
    const name = `@dras/native-${process.platform}-${process.arch}${suffix}`;
    throw new Error(
      `dras has no addon for this machine (${process.platform} ${process.arch}, Node ${process.versions.node}). It should be in the package ${name}@${version}, ` +
        'which npm installs as an optional dependency. It is missing where the lock file was made on another platform (remove node_modules and the lock ' +
        'file, and install again), where optional dependencies are left out, or where this platform is not supported.',
      { cause },
    );
  }
}

const native = load();
if (native.version() !== version) {
  throw new Error(`dras ${version} found an addon of version ${native.version()}: install both anew`);
}

module.exports = native;
