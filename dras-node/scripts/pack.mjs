// Makes the packages as they are published: `dras`, and a package with the addon for each platform that it was built for. What it prints are the
// tarballs, the main one first.
//
//   node scripts/pack.mjs FOLDER [ADDONS]
//
// ADDONS is a folder with the addons of all platforms, `dras.linux-x64-gnu.node` and so on, as a release has them. Where it is left out, the package of
// this machine's platform is made alone. The layout is that of `napi create-npm-dirs` and `napi artifacts`; the main package names all platforms as optional
// dependencies, of its own version.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.argv[2] ?? join(home, 'npm'));
const release = process.argv[3] !== undefined;
const addons = resolve(process.argv[3] ?? home);
const licences = ['LICENSE-MIT', 'LICENSE-APACHE'];
const read = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const write = (folder, manifest) => writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
const manifest = read(home);

rmSync(out, { recursive: true, force: true });
const stage = join(out, 'stage');
mkdirSync(stage, { recursive: true });
cpSync(join(home, 'package.json'), join(stage, 'package.json'));
const napi = join(home, 'node_modules/@napi-rs/cli/dist/cli.js');
execFileSync(process.execPath, [napi, 'create-npm-dirs', '--npm-dir', 'npm'], { cwd: stage, stdio: 'ignore' });

function pack(folder) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const text = execFileSync(npm, ['pack', '--json', '--pack-destination', out], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return join(out, JSON.parse(text)[0].filename.replace(/^@/, '').replace('/', '-'));
}

const tarballs = [];
const optionalDependencies = {};
for (const platform of readdirSync(join(stage, 'npm')).sort()) {
  const folder = join(stage, 'npm', platform);
  const { description: _, keywords: _1, ...given } = read(folder);
  if (given.version !== manifest.version) throw new Error(`${given.name} has the version ${given.version}`);
  optionalDependencies[given.name] = given.version;
  const addon = join(addons, given.main);
  if (!existsSync(addon)) {
    if (release) throw new Error(`${addons} has no ${given.main}; a release has the addons of all platforms`);
    continue;
  }
  cpSync(addon, join(folder, given.main));
  for (const licence of licences) cpSync(join(home, licence), join(folder, licence));
  write(folder, { ...given, description: `The addon of dras for ${platform}; install dras, which depends on it`, files: [...given.files, ...licences] });
  tarballs.push(pack(folder));
}
if (tarballs.length === 0) throw new Error('there is no addon; build one first: npm run build');

const main = join(stage, 'dras');
const { devDependencies: _1, overrides: _2, scripts: _3, ...published } = manifest;
for (const entry of published.files) cpSync(join(home, entry), join(main, entry), { recursive: true });
write(main, { ...published, optionalDependencies });
tarballs.unshift(pack(main));
rmSync(stage, { recursive: true });

const made = readdirSync(out).filter((name) => name.endsWith('.tgz'));
if (made.length !== tarballs.length) throw new Error(`${tarballs.length} packages, and ${made.length} tarballs: ${made.join(', ')}`);
console.log(tarballs.join('\n'));
