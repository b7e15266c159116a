/**
 * Owns the program as it stands in the image: `node scripts/build.ts DIRECTORY` writes every package there with its types
 * taken away, ready to run beside a `node_modules` of production (docs/adr/0010). Types become blanks by Node's own hand,
 * the one that tests run with, so that lines and columns of a stack trace are those of the sources.
 * Invariant: nothing but types, and the ends of names of files, differs from the sources.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [into] = process.argv.slice(2);
if (into === undefined) throw new Error('usage: node scripts/build.ts DIRECTORY');

/** `from './x.ts'`, `import('./x.ts')` and `import './x.ts'`: sources end in `.ts`, what is built in `.js`. */
const SPECIFIER = /((?:\bfrom|\bimport)[ (]')(\.[^']*)\.ts'/g;

/** What the sources are written for; where they are published for older ones, they have to be lowered first. */
const ENGINES = { node: '>=24' };

interface Manifest {
  readonly exports?: Readonly<Record<string, string>>;
  readonly devDependencies?: unknown;
}

const built = (path: string): string => path.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '.js');

function buildPackage(folder: string): void {
  const from = join(root, folder);
  const to = join(into!, folder);
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Manifest;
  // A door to what only tests need is not built.
  const doors = Object.entries(manifest.exports ?? {}).filter(([, path]) => path.startsWith('./src/'));
  const exported = Object.fromEntries(doors.map(([name, path]) => [name, built(path)]));
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, 'package.json'), `${JSON.stringify({ ...manifest, engines: ENGINES, exports: exported }, undefined, 2)}\n`);
  for (const name of readdirSync(join(from, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const stripped = stripTypeScriptTypes(readFileSync(join(from, 'src', name), 'utf8'), { mode: 'strip' });
    const file = join(to, 'dist', name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      stripped.replaceAll(SPECIFIER, (_match, before: string, path: string) => `${before}${path}.js'`),
    );
  }
}

for (const group of ['packages', 'services']) for (const name of readdirSync(join(root, group))) buildPackage(`${group}/${name}`);
for (const folder of ['bin', 'stack'])
  cpSync(join(root, 'packages/causeway', folder), join(into, 'packages/causeway', folder), { recursive: true });
