/** What may come next on a command line: what the help says, and what a bridge has; in a shell as it stands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { completions, type Names } from '../src/completion.ts';
import { FLAGS, takes } from '../src/flags.ts';
import { VERBS } from '../src/verbs.ts';
import { BIN, causeway, folder } from './support/cli.ts';

const names: Names = async (of) => ({ sessions: ['s1', 't2'], workers: ['w1'], servers: ['git', 'files'] })[of];
const nobody: Names = () => assert.fail('nobody is to be asked');

describe('the next word', () => {
  for (const [line, expected] of [
    [[''], VERBS],
    [['sess'], ['sessions']],
    [
      ['sessions', ''],
      ['ls', 'get', 'kill'],
    ],
    [
      ['sessions', 'ls', '--format', ''],
      ['table', 'json'],
    ],
    [['sessions', '--server', ''], []],
    [['workers', '--format', 'json', 'dr'], ['drain']],
    [['workers', '-q', 'r'], ['resume']],
    [
      ['nats', ''],
      ['keys', 'buckets'],
    ],
    [['config', 'p'], ['print']],
    [
      ['client', ''],
      ['claude-code', 'claude-desktop', 'cursor', 'vscode'],
    ],
    [['client', 'emacs', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['help', 'wor'],
      ['worker', 'workers'],
    ],
    [
      ['demo', '--kill'],
      ['--kill-edge', '--kill-worker'],
    ],
    [
      ['health', '--'],
      ['--live', '--ready', '--url', '--port', '--timeout'],
    ],
    [['--config', 'x', '--base'], ['--base-url']],
    [['run', '--', 'npx', ''], []],
    [['worker', '--admin'], []],
    [['worker', '--admin-port'], []],
    [['edge', '--admin'], ['--admin-port']],
  ] as const)
    it(`of "${line.join(' ')}"`, async () => assert.deepEqual(await completions(line, nobody), expected));

  it('is an id or a name where the bridge has some', async () => {
    for (const [line, expected] of [
      [
        ['sessions', 'get', ''],
        ['s1', 't2'],
      ],
      [['sessions', 'get', 's1', ''], []],
      [['sessions', 'kill', 's1', 't'], ['t2']],
      [['workers', 'drain', ''], ['w1']],
      [['tools', 'g'], ['git']],
      [['call', '--timeout', '5s', 'f'], ['files']],
      [['call', 'git', ''], []],
      [
        ['client', 'cursor', ''],
        ['git', 'files'],
      ],
    ] as const)
      assert.deepEqual(await completions(line, names), expected, line.join(' '));
  });

  it('is every option of a role that it takes', async () => {
    for (const role of ['run', 'edge', 'worker', 'config', 'doctor', 'warm'] as const) {
      const offered = await completions([role, '--'], nobody);
      for (const flag of FLAGS) assert.equal(offered.includes(flag.name), takes(role, flag), `${role} ${flag.name}`);
    }
  });
});

test('an id of a session that begins with a hyphen is offered, beside the options', async () => {
  const hyphened: Names = async () => ['-a1', 'b2', '--c'];
  assert.deepEqual(await completions(['sessions', 'kill', '-a'], hyphened), ['-a1']);
  assert.ok((await completions(['sessions', 'kill', '--'], hyphened)).includes('--yes'));
  assert.deepEqual(await completions(['sessions', 'kill', '--c'], hyphened), ['--c']);
  await completions(['call', '--'], nobody);
});

test('bash has it from the script alone', async (context) => {
  const { code, out } = await causeway(['completion', 'bash']);
  assert.equal(code, 0);
  const cwd = folder(context, { 'completion.bash': out });
  mkdirSync(join(cwd, 'bin'));
  symlinkSync(BIN, join(cwd, 'bin/causeway'));
  const ask = `source completion.bash; COMP_WORDS=(causeway workers --format json re); COMP_CWORD=4; _causeway; echo "\${COMPREPLY[@]}"`;
  const said = spawnSync('bash', ['--norc', '-c', ask], {
    cwd,
    encoding: 'utf8',
    env: { PATH: [join(cwd, 'bin'), join(process.execPath, '..'), process.env['PATH']].join(':'), TMPDIR: cwd },
  });
  assert.deepEqual([said.stdout, said.stderr], ['resume\n', '']);
});

test('each shell has a script; another one is refused', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) assert.match((await causeway(['completion', shell])).out, /completion words -- /);
  const other = await causeway(['completion', 'tcsh']);
  assert.deepEqual([other.code, other.err], [2, 'error: for which shell?\n  causeway completion bash|zsh|fish\n']);
});
