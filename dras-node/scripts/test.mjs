// Tests what users install: packs the package, installs the tarballs in an empty folder outside of this repository, and runs the tests, the examples, and
// the examples of the README there. The types are checked with what was installed.
//
//   node scripts/test.mjs [FILE …]

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const work = mkdtempSync(join(tmpdir(), 'dras-node-'));

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: work, stdio: 'inherit', ...options });
  if (done.error) throw done.error;
  if (done.status !== 0) {
    console.error(`${command} ${args.join(' ')} failed`);
    rmSync(work, { recursive: true, force: true });
    process.exit(done.status ?? 1);
  }
}

const packed = execFileSync(process.execPath, [join(home, 'scripts/pack.mjs'), join(work, 'packed')], { encoding: 'utf8' });
writeFileSync(join(work, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
// Platforms that are not published yet cannot be found, and need not be: they are optional.
run(npm, ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packed.trim().split('\n')]);

for (const folder of ['test', 'examples']) cpSync(join(home, folder), join(work, folder), { recursive: true });
cpSync(join(home, 'README.md'), join(work, 'README.md'));
// What all languages share, and what the version is compared with.
const cases = join(home, '../dras-core/tests/cases');
cpSync(cases, join(work, 'cases'), { recursive: true });
cpSync(join(home, '../Cargo.toml'), join(work, 'Cargo.toml'));

console.log('== types');
const tsc = join(home, 'node_modules/typescript/bin/tsc');
cpSync(join(home, 'node_modules/@types'), join(work, 'node_modules/@types'), { recursive: true });
cpSync(join(home, 'node_modules/undici-types'), join(work, 'node_modules/undici-types'), { recursive: true });
run(process.execPath, [tsc, '--project', join(work, 'test/types/tsconfig.json')]);

console.log('== package');
const [main] = packed.trim().split('\n');
const bin = (name) => join(home, 'node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name);
run(bin('publint'), ['run', main, '--strict']);
run(bin('attw'), [main, '--no-emoji', '--no-color', '--no-definitely-typed', '--format', 'ascii']);

console.log('== tests');
const named = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync(join(work, 'test')).filter((name) => name.endsWith('.test.mjs')).map((name) => join('test', name));
run(process.execPath, ['--expose-gc', '--test', '--test-reporter=dot', ...files.sort()]);
rmSync(work, { recursive: true, force: true });
