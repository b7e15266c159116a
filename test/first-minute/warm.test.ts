/** `causeway warm`: every server is started once, each says how it went, and nothing of them is left. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { hostile, launch, type Exit } from '../harness/processes.ts';
import { within } from '../harness/within.ts';

const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));

describe('causeway warm', { concurrency: 4 }, () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let file: string;

  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'causeway-warm-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    life = stack.use(await openLifeline());
    file = join(directory, 'servers.json');
    const servers = {
      git: hostile(life.env, { warm: 2 }),
      time: hostile({ ...life.env, INIT_ERROR: '1' }),
      failing: hostile({ CRASH_AT_START: '3' }),
      absent: { command: 'no-such-program-here' },
      silent: hostile({ ...life.env, SILENT: '1' }),
    };
    await writeFile(file, JSON.stringify({ servers }));
  });
  after(async () => {
    await life.none(5_000);
    await stack.disposeAsync();
  });

  async function warm(...args: readonly string[]): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
    await using process = launch(['warm', ...args]);
    const exit = await within(20_000, 'the end of causeway warm', process.finished);
    return { ...exit, stdout: process.stdout(), stderr: process.stderr() };
  }

  it('servers that are named are tried, any answer is life: a line at the beginning and one at the end, exit 0', async () => {
    const { code, stdout, stderr } = await warm('git', 'time', '--config', file);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    for (const name of ['git', 'time']) {
      assert.match(stderr, new RegExp(`^${name}: starting `, 'm'));
      assert.match(stderr, new RegExp(`^${name}: answers after \\d+\\.\\d s$`, 'm'));
    }
    assert.equal(stderr.trim().split('\n').length, 4, stderr);
  });

  it('all of a file, as JSON: what failed, and why, exit 5', async () => {
    const { code, stdout, stderr } = await warm('--config', file, '--timeout', '2s', '--format', 'json');
    assert.equal(code, 5, stderr);
    const { servers } = JSON.parse(stdout) as { servers: { name: string; ok: boolean; ms: number; error?: { code: string } }[] };
    assert.deepEqual(
      servers.map(({ name, ok, error }) => [name, ok, error?.code]),
      [
        ['git', true, undefined],
        ['time', true, undefined],
        ['failing', false, 'server.start_failed'],
        ['absent', false, 'notFound'],
        ['silent', false, 'server.start_timeout'],
      ],
    );
    assert.match(stderr, /the fixture was told to fail/);
  });

  it('a command behind --, with its own options', async () => {
    const { code, stderr } = await warm('-e', `LIFELINE=${life.env['LIFELINE']}`, '--', process.execPath, HOSTILE, '--timeout', 'soon');
    assert.equal(code, 0, stderr);
  });

  it('what is mistyped: 2, with what was meant', async () => {
    const name = await warm('--config', file, 'gti');
    assert.equal(name.code, 2, name.stderr);
    assert.match(name.stderr, /"gti"; did you mean "git"\?/);
    assert.equal((await warm('--config', file, '--timeout', 'soon')).code, 2);
    assert.equal((await warm('--config', file, 'git', '--', 'node')).code, 2);
    const option = await warm('--config', file, '--port', '1');
    assert.equal(option.code, 2);
    assert.match(option.stderr, /it is not an option of "warm"/);
  });

  it('Ctrl-C ends it and what it has started', async () => {
    await using own = await openLifeline();
    const env = ['-e', `LIFELINE=${own.env['LIFELINE']}`, '-e', 'SILENT=1'];
    await using warming = launch(['warm', ...env, '--', process.execPath, HOSTILE]);
    await own.holders(1);
    warming.kill('SIGINT');
    assert.equal((await within(8_000, 'its end', warming.exited)).code, 130);
    await own.none(1_000);
  });
});
