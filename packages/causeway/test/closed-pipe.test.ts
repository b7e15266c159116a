/** Whose output nobody reads any more ends as it would have, and says nothing; a bridge goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { bridge, CHILD, folder, start } from './support/cli.ts';

/** The exit code, and what came on the stream that was read. */
async function unread(argv: readonly string[], closed: 'stdout' | 'stderr', cwd: string): Promise<readonly [code: number, told: string]> {
  const child = start(argv, { cwd });
  child[closed]!.destroy();
  const told = child[closed === 'stdout' ? 'stderr' : 'stdout']!.toArray();
  const [code] = (await once(child, 'close')) as [number];
  return [code, (await told).join('')];
}

test('a command ends with its own exit code, quietly', async (context) => {
  const cwd = folder(context, { 'bad.yaml': 'lisen: 1\n' });
  for (const [argv, expected] of [
    [['config', 'print', '--show-origin', '--', process.execPath], 0],
    [['config', 'schema'], 0],
    [['doctor', '--format', 'json', '--port', '0', '--diagnostics-port', '0', '--admin-port', '0', '--', process.execPath], 0],
    [['doctor', '--port', '0', '--diagnostics-port', '0', '--admin-port', '0', '--', 'no-such-program'], 1],
    [['--help', '--all'], 0],
    [['help', 'warm'], 0],
    [['--version'], 0],
  ] as const)
    assert.deepEqual(await unread(argv, 'stdout', cwd), [expected, ''], argv.join(' '));
  assert.deepEqual(await unread(['config', 'check', 'bad.yaml'], 'stderr', cwd), [2, '']);
  const [code, told] = await unread(['warm', '--format', 'json', '--', process.execPath, CHILD], 'stdout', cwd);
  assert.deepEqual(
    [code, told.replace(/\d\.\d s/, 'x s')],
    [0, 'child: starting node\nchild: answers after x s\n'.replace('node', process.execPath)],
  );
  const [failed] = await unread(['warm', '--', process.execPath, CHILD, 'bad'], 'stderr', cwd);
  assert.equal(failed, 5);
});

test('a bridge goes on, also when it has something to say', async (context) => {
  for (const closed of ['stdout', 'stderr'] as const) {
    const { url, stop } = await bridge(context, ['--', process.execPath, CHILD, 'noisy'], { closed, until: 'server answers' });
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    assert.equal(await stop('SIGTERM'), 0);
  }
});
