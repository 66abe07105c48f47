// The package as it was installed: from a tarball, in an empty folder.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import * as dras from 'dras';

const require = createRequire(import.meta.url);
const root = dirname(require.resolve('dras/package.json'));
const manifest = require('dras/package.json');

test('it is the installed one', () => {
  assert.match(root, /node_modules[\\/]dras$/);
  assert.ok(!readdirSync(root).some((name) => name.endsWith('.node')), 'the addon is in its own package');
  assert.deepEqual(readdirSync(root).sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'index.cjs', 'index.d.cts', 'index.d.mts', 'index.mjs', 'lib', 'native.cjs', 'package.json']);
});

test('import and require give the same', () => {
  const required = require('dras');
  assert.equal(dras.default, required);
  assert.deepEqual(Object.keys(dras).filter((name) => name !== 'default').sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(dras[name], required[name], name);
});

test('every export is declared and documented, and nothing else is', () => {
  const declared = readFileSync(join(root, 'index.d.cts'), 'utf8');
  const names = [...declared.matchAll(/^export (?:class|function|const) (\w+)/gm)].map((m) => m[1]);
  assert.deepEqual([...new Set(names)].sort(), Object.keys(require('dras')).sort());
  const undocumented = [...declared.matchAll(/(?<!\*\/)\n(?:export )(?:class|function|const|interface|type) (\w+)/g)].map((m) => m[1]);
  assert.deepEqual(undocumented, []);
});

test('every declared member is there', () => {
  const declared = readFileSync(join(root, 'index.d.cts'), 'utf8');
  for (const [, name, body] of declared.matchAll(/^export class (\w+)[^{]*\{\n(.*?)^\}/gms)) {
    const members = [...body.matchAll(/^ {2}(static )?(?:readonly )?(\w+)(?=[(:<?])/gm)].filter((m) => m[2] !== 'constructor' && m[2] !== 'private');
    for (const [, isStatic, member] of members) {
      const owner = isStatic ? dras[name] : dras[name].prototype;
      // Fields stand in instances; what is computed stands in the class.
      const own = { Policy: ['name', 'fingerprint', 'mode', 'rules', 'metrics', 'attributes', 'parameters', 'limits', 'guards', 'warnings'] };
      const field = new RegExp(`^ {2}readonly ${member}\\b`, 'm').test(body);
      assert.ok(member in owner || field || (own[name] ?? []).includes(member), `${name}.${member}`);
    }
  }
});

test('one version', () => {
  const cargo = readFileSync(new URL('../Cargo.toml', import.meta.url), 'utf8').match(/^version = "(.+)"$/m)[1];
  assert.deepEqual([dras.version, manifest.version], [cargo, cargo]);
  for (const version of Object.values(manifest.optionalDependencies)) assert.equal(version, cargo);
});

test('the platform packages are laid out as npm wants them', () => {
  const platforms = Object.keys(manifest.optionalDependencies);
  assert.equal(platforms.length, 8);
  const installed = readdirSync(join(root, '..', '@dras'));
  assert.deepEqual(installed.length, 1);
  const platform = require(join(root, '..', '@dras', installed[0], 'package.json'));
  assert.ok(platforms.includes(platform.name));
  assert.deepEqual(platform.engines, manifest.engines);
  assert.deepEqual([platform.os, platform.cpu], [[process.platform], [process.arch]]);
  // What the loader looks for is what is published.
  const loader = readFileSync(join(root, 'native.cjs'), 'utf8');
  for (const name of platforms) assert.ok(loader.includes(`require('${name}')`), name);
});
