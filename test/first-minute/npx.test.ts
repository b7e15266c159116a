/**
 * `npx causeway` and `npm start` told to stop, or killed: npm passes nothing on, and nothing is left all the same. Told together with
 * npx, as a terminal, `timeout` and systemd tell a whole group, it is told once: what runs is finished.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { livingWith, noneWith, openLifeline } from '../harness/children.ts';
import { MARK } from '../harness/processes.ts';
import { hello, post } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));

type Npx = ChildProcessByStdio<null, Readable, null>;
/** Puts the last command of `-c` in its own place, as dash does not. */
const BASH = '/bin/bash';

/** In a group of its own, as a shell starts it. */
function npxOf(mark: string, env: Readonly<Record<string, string>>): Npx {
  return spawn('npx', wordsOf(env), { ...start(mark), stdio: ['ignore', 'pipe', 'inherit'] });
}

function wordsOf(env: Readonly<Record<string, string>>): readonly string[] {
  const words = ['--no-install', 'causeway', 'run', '--port', '0', '--admin-port', 'off', '--diagnostics-port', 'off'];
  const given = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [...words, ...given, '--', process.execPath, HOSTILE];
}

/** A package whose script `start` is this command; `npm start` is run where it is. */
async function packageOf(start: string): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'causeway-package-'));
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'mine', version: '1.0.0', scripts: { start } }));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

const start = (mark: string) => ({ cwd: ROOT, detached: true, env: { ...process.env, [MARK]: mark } });

async function listening(npx: { readonly stdout: Readable }): Promise<string> {
  let said = '';
  const url = new Promise<string>((resolve) =>
    npx.stdout.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      const [, found] = /"url":"(http:[^"]+)"/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    }),
  );
  return within(20_000, 'the bridge', url);
}

describe('npm start', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`${signal} of npm ends the bridge of a script and its children`, async () => {
      await using life = await openLifeline();
      const [, name, ...words] = wordsOf(life.env);
      await using own = await packageOf([`'${ROOT}node_modules/.bin/${name}'`, ...words.map((word) => `'${word}'`)].join(' '));
      const mark = `npm-${signal}-${process.pid}`;
      const npm = spawn('npm', ['start'], { ...start(mark), cwd: own.directory, stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        await hello(`${await listening(npm)}/mcp`);
        await life.holders(1);
        npm.kill(signal);
        await once(npm, 'exit');
        await life.none(5_000);
        await noneWith(MARK, mark, 5_000);
      } finally {
        for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
      }
    });
  }

  it('a bridge that a script puts in a group of its own stays when the script is over', async () => {
    const [, name, ...words] = wordsOf({});
    const options = "{ detached: true, stdio: 'inherit' }";
    const script = `require('node:child_process').spawn('${ROOT}node_modules/.bin/${name}', ${JSON.stringify(words)}, ${options}); process.stdin.resume().on('end', () => process.exit())`;
    await using own = await packageOf('node leave.cjs');
    await writeFile(join(own.directory, 'leave.cjs'), script);
    const mark = `npm-left-${process.pid}`;
    const npm = spawn('npm', ['start'], { ...start(mark), cwd: own.directory, stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const url = await listening(npm);
      npm.stdin.end();
      await once(npm, 'exit');
      // It looks twice a second whether anybody above it has gone.
      await sleep(1_200);
      await hello(`${url}/mcp`);
    } finally {
      for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
    }
  });
});

describe('npx', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`${signal} of npx ends the bridge and its children`, async () => {
      await using life = await openLifeline();
      const mark = `npx-${signal}-${process.pid}`;
      const npx = npxOf(mark, life.env);
      try {
        const url = await listening(npx);
        await hello(`${url}/mcp`);
        await life.holders(1);
        npx.kill(signal);
        await once(npx, 'exit');
        await life.none(5_000);
        await noneWith(MARK, mark, 5_000);
      } finally {
        for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
      }
    });
  }

  it('whoever started npx may go: a shell, a step of a CI', { skip: existsSync(BASH) ? false : 'there is no bash here' }, async () => {
    const mark = `npx-left-${process.pid}`;
    const { env, ...how } = start(mark);
    const starter = spawn(BASH, ['-c', '"$@" & read', 'bash', 'npx', ...wordsOf({})], {
      ...how,
      env: { ...env, npm_config_script_shell: BASH },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const url = await listening(starter);
      starter.stdin.end();
      await once(starter, 'exit');
      // It looks twice a second whether anybody above it has gone.
      await sleep(1_200);
      await hello(`${url}/mcp`);
    } finally {
      for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
    }
  });

  it('SIGTERM of npx and all that it started is one signal: a running call is answered', async () => {
    const mark = `npx-group-${process.pid}`;
    const npx = npxOf(mark, {});
    try {
      const url = `${await listening(npx)}/mcp`;
      const { headers } = await hello(url);
      const params = { name: 'sleep', arguments: { ms: 2_000 }, _meta: { progressToken: 1 } };
      const answer = post(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, headers);
      setTimeout(() => process.kill(-npx.pid!, 'SIGTERM'), 500);
      assert.equal((await answer).messages.at(-1)?.error, undefined);
      await noneWith(MARK, mark, 5_000);
    } finally {
      for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
    }
  });
});
