/**
 * How a bridge ends, and what is left: nothing, whether it is asked, asked twice or killed, and whatever its
 * children do about it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { livingWith, noneWith, openLifeline, type Lifeline } from '../harness/children.ts';
import { BIN, hostile, MARK, openCauseway, type Causeway, type ServerSpec } from '../harness/processes.ts';
import { hello, openCall, openStream, post, textOf, toolCall } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));

const quoted = (text: string): string => `'${text}'`;

/** One server of each kind: willing, ignoring TERM, behind a wrapper, behind a shell that waits. */
const kinds = (life: Lifeline): Readonly<Record<string, ServerSpec>> => {
  const env = { ...life.env, IGNORE_TERM: '1' };
  const wrapper = `require('child_process').spawn(process.execPath, [${JSON.stringify(HOSTILE)}], { stdio: 'inherit' })`;
  return {
    willing: hostile(life.env),
    stubborn: hostile(env),
    wrapped: { command: process.execPath, args: ['-e', wrapper], env },
    shelled: { command: 'sh', args: ['-c', `${quoted(process.execPath)} ${quoted(HOSTILE)}; true`], env },
  };
};

/** A bridge with a session of each of `names`, and a grandchild that ignores TERM below `stubborn`. */
async function inhabited(life: Lifeline, names: readonly string[] = Object.keys(kinds(life))): Promise<Causeway> {
  await using opening = new AsyncDisposableStack();
  const servers = Object.fromEntries(Object.entries(kinds(life)).filter(([name]) => names.includes(name)));
  const bridge = opening.use(await openCauseway('run', { servers }));
  for (const name of names) {
    const { headers } = await hello(bridge.url(name));
    if (name !== 'stubborn') continue;
    const pid = Number(textOf((await post(bridge.url(name), toolCall(1, 'grandchild'), headers)).messages.at(-1)));
    await life.events.next('the grandchild', (event) => event.pid === pid);
  }
  await life.holders(names.length);
  opening.move();
  return bridge;
}

// Most of the time here is waiting for children that do not want to end.
describe('endings', { concurrency: 3 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} ends the bridge and every process of every child, in order`, async () => {
      await using life = await openLifeline();
      await using bridge = await inhabited(life);
      bridge.kill(signal);
      const { code } = await within(15_000, 'the end of the bridge', bridge.exited);
      assert.equal(code, 0, bridge.stderr());
      await life.over();
      assert.deepEqual(await livingWith(MARK, bridge.mark), []);
    });
  }

  it('Ctrl-C in a terminal, where children get the signal too, ends everything', async () => {
    await using life = await openLifeline();
    await using bridge = await inhabited(life);
    process.kill(-bridge.pid, 'SIGINT');
    const { code } = await within(15_000, 'the end of the bridge', bridge.exited);
    assert.equal(code, 0, bridge.stderr());
    await life.over();
  });

  it('kill -9 of the bridge leaves none of them after 5 s', async () => {
    await using life = await openLifeline();
    await using bridge = await inhabited(life);
    bridge.kill('SIGKILL');
    await bridge.exited;
    await life.none(5_000);
    // The wrapper and the shell hold no lifeline; what they started is dead, and so must they be.
    await noneWith(MARK, bridge.mark, 5_000);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`${signal} leaves nothing of a server behind npx, which is three processes`, async () => {
      await using life = await openLifeline();
      const env = { ...life.env, NODE_OPTIONS: `--import=${fileURLToPath(new URL('../fixtures/lifeline.mjs', import.meta.url))}` };
      const server = { command: 'npx', args: ['--no-install', 'mcp-server-everything'], env, cwd: ROOT };
      await using bridge = await openCauseway('run', { servers: { everything: server }, args: ['--no-probe'] });
      const { headers } = await hello(bridge.url('everything'));
      await using stream = await openStream(bridge.url('everything'), { headers });
      await life.holders(2);
      bridge.kill(signal);
      await bridge.exited;
      await life.none(5_000);
      await stream.ended;
      // Who asked for the end is told of it when everybody is gone; a bridge that was killed tells nobody.
      if (signal === 'SIGTERM') assert.deepEqual(await livingWith(MARK, bridge.mark), []);
      await noneWith(MARK, bridge.mark, 5_000);
    });
  }

  it('a call in flight is finished before the end; a new session is refused meanwhile', async () => {
    await using life = await openLifeline();
    await using bridge = await inhabited(life, ['willing']);
    const url = bridge.url('willing');
    const { headers } = await hello(url);
    await using call = await openCall(url, toolCall('last', 'sleep', { ms: 600, text: 'finished' }), headers);
    bridge.kill('SIGTERM');
    assert.equal(textOf(await call.message('the answer', ({ id }) => id === 'last')), 'finished');
    assert.equal((await within(10_000, 'the end', bridge.exited)).code, 0);
  });

  it('an open standalone stream does not hold up the end', async () => {
    await using life = await openLifeline();
    await using bridge = await inhabited(life, ['willing']);
    const { headers } = await hello(bridge.url('willing'));
    await using stream = await openStream(bridge.url('willing'), { headers });
    bridge.kill('SIGTERM');
    const { code } = await within(5_000, 'the end', bridge.exited);
    assert.equal(code, 0);
    await stream.ended;
  });

  it('the second signal ends at once, with 1, and leaves nothing', async () => {
    await using life = await openLifeline();
    await using bridge = await inhabited(life, ['willing', 'stubborn']);
    const { headers } = await hello(bridge.url('willing'));
    await using call = await openCall(bridge.url('willing'), toolCall('never', 'never'), headers);
    bridge.kill('SIGTERM');
    await bridge.logs.next('the beginning of the end', ({ msg }) => msg === 'stopping');
    // Another signal: two equal ones within 250 ms count as one press.
    bridge.kill('SIGINT');
    const { code } = await within(3_000, 'the end', bridge.exited);
    assert.equal(code, 1);
    await life.none(5_000);
    await call.ended;
  });

  it('a bridge in a pipe prints JSON lines and nothing else', async () => {
    await using life = await openLifeline();
    const bridge = await inhabited(life, ['willing']);
    await bridge[Symbol.asyncDispose]();
    const lines = bridge.stdout().trimEnd().split('\n');
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
    assert.equal(bridge.stderr(), '');
  });

  it('a bridge in a terminal prints its addresses, and Ctrl-C typed there ends it', async () => {
    await using life = await openLifeline();
    const words = [process.execPath, BIN, 'run', '--port', '0', '-e', `LIFELINE=${life.env['LIFELINE']}`, '--', process.execPath, HOSTILE];
    // A shell that stayed would get the Ctrl-C too, and some report it as their own end.
    const command = `exec ${words.map(quoted).join(' ')}`;
    const terminal = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => terminal.once('exit', resolve));
    let screen = '';
    const shown = new Promise<void>((resolve) =>
      terminal.stdout.setEncoding('utf8').on('data', (part: string) => {
        screen += part;
        if (/http:\/\/127\.0\.0\.1:\d+\/sse/.test(screen)) resolve();
      }),
    );
    await within(15_000, 'the banner', shown);
    assert.match(screen, /http:\/\/127\.0\.0\.1:\d+\/mcp/);
    await hello(/http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(screen)![0]);
    terminal.stdin.write('\x03');
    assert.equal(await within(10_000, 'the end after Ctrl-C', ended), 0, screen);
    terminal.stdin.end();
    await life.over();
  });
});
