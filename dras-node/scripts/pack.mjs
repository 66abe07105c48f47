// Makes the packages as they are published: `dras`, and a package with the addon for each platform that it was built for. What it prints are the
// tarballs, the main one first.
//
//   node scripts/pack.mjs FOLDER

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.argv[2] ?? join(home, 'npm'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
const { devDependencies: _1, overrides: _2, scripts: _3, ...published } = manifest;

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

/** Where npm puts a package for a platform on, in its own words. */
function platformOf(target) {
  const [arch, , os, abi = ''] = target.split('-');
  const cpu = { x86_64: 'x64', aarch64: 'arm64' }[arch];
  const name = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[os];
  const suffix = abi === '' ? `${name}-${cpu}` : `${name}-${cpu}-${abi}`;
  const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
  return { suffix, fields: { os: [name], cpu: [cpu], ...(libc && { libc }) } };
}

const stage = (name) => {
  const folder = join(out, 'stage', name);
  mkdirSync(folder, { recursive: true });
  return folder;
};
const pack = (folder) => {
  const text = execFileSync(npm, ['pack', '--json', '--pack-destination', out], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return join(out, JSON.parse(text)[0].filename.replace(/^@/, '').replace('/', '-'));
};

const tarballs = [];
const optionalDependencies = {};
for (const target of manifest.napi.targets) {
  const { suffix, fields } = platformOf(target);
  const name = `${manifest.napi.packageName}-${suffix}`;
  const file = `${manifest.napi.binaryName}.${suffix}.node`;
  optionalDependencies[name] = manifest.version;
  if (!existsSync(join(home, file))) continue;
  const folder = stage(suffix);
  for (const copied of [file, 'LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(home, copied), join(folder, copied));
  const description = `The addon of dras for ${suffix}; install dras, which depends on it`;
  const platform = { name, version: manifest.version, description, license: manifest.license, main: file, files: [file, 'LICENSE-MIT', 'LICENSE-APACHE'], engines: manifest.engines, ...fields };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(platform, null, 2)}\n`);
  tarballs.push(pack(folder));
}
if (tarballs.length === 0) throw new Error('there is no addon; build one first: npm run build');

const folder = stage('dras');
for (const entry of ['index.cjs', 'index.mjs', 'index.d.cts', 'index.d.mts', 'lib', 'native.cjs', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) {
  cpSync(join(home, entry), join(folder, entry), { recursive: true });
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...published, optionalDependencies }, null, 2)}\n`);
tarballs.unshift(pack(folder));
rmSync(join(out, 'stage'), { recursive: true });

const made = readdirSync(out).filter((name) => name.endsWith('.tgz'));
if (made.length !== tarballs.length) throw new Error(`${tarballs.length} packages, and ${made.length} tarballs: ${made.join(', ')}`);
console.log(tarballs.join('\n'));
