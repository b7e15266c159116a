/** What stands in a child's `--env-file` is the child's: Node, which knows an option of that name, takes it for nobody else. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BIN, CHILD, folder } from './support/cli.ts';

/** A file of variables that makes a Node note which program it runs. */
function noting(context: TestContext): { readonly file: string; readonly programs: () => readonly string[] } {
  const path = folder(context, {
    'note.cjs': `require('fs').appendFileSync(__dirname + '/programs', process.argv[1] + '\\n')`,
    programs: '',
  });
  const file = join(folder(context, { env: `NODE_OPTIONS=--require=${join(path, 'note.cjs')}\n` }), 'env');
  return { file, programs: () => readFileSync(join(path, 'programs'), 'utf8').trim().split('\n') };
}

/** Which programs noted themselves while a bridge started its child. */
async function noted(context: TestContext, launch: (argv: readonly string[]) => ChildProcess): Promise<readonly string[]> {
  const { file, programs } = noting(context);
  const quiet = ['--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off'];
  const child = launch([...quiet, '--env-file', file, '--', process.execPath, CHILD]);
  context.after(() => child.kill('SIGKILL'));
  for await (const part of child.stdout!.setEncoding('utf8')) if (String(part).includes('server answers')) break;
  child.kill('SIGTERM');
  await once(child, 'close');
  return programs().map((path) => basename(path));
}

const stdio = { stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'] };

test('started by its name', async (context) => {
  const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`;
  assert.deepEqual(await noted(context, (argv) => spawn(BIN, argv, { ...stdio, env: { ...process.env, PATH } })), [basename(CHILD)]);
});

test('started over again by an older Node', async (context) => {
  const older = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})';
  const launch = (argv: readonly string[]): ChildProcess => spawn(process.execPath, ['--import', older, '--', BIN, ...argv], stdio);
  assert.deepEqual(await noted(context, launch), [basename(CHILD)]);
});

test('a file that is not there is told by us, as a mistake of usage', async () => {
  const child = spawn(BIN, ['--port', '0', '--env-file', '/nope', '--', process.execPath, CHILD], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
  });
  const [err, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'close')]);
  assert.match(err.join(''), /^error: --env-file  servers\.child\.envFile: \/nope: no such file\n$/);
  assert.equal(code, 2);
});
