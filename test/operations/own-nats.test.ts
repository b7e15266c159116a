/** `--nats auto`: a process that brings its own NATS server, which is nobody else's, comes back when it dies, and goes with it. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { openNatsCluster, subjects } from '@causeway/cluster';
import { newEdgeId } from '@causeway/protocol';
import { launch, hostile, openCauseway, type Causeway, type LogLine } from '../harness/processes.ts';
import { hello, post, toolCall, textOf } from '../harness/speak.ts';
import { until } from '../harness/within.ts';

const started = (bridge: Causeway): Promise<LogLine> =>
  bridge.logs.next('the start of its NATS server', ({ msg }) => msg === 'nats-server of our own');

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const gone = (pid: number): Promise<true> => until(5_000, `the end of ${pid}`, async () => !lives(pid) || undefined);
const open = (env: NodeJS.ProcessEnv = {}): Promise<Causeway> =>
  openCauseway('run', { servers: { hostile: hostile({}) }, args: ['--nats', 'auto'], env });

test('it serves, takes nobody without its token, and leaves nothing behind', async () => {
  let pid: number;
  {
    await using bridge = await open();
    const { url, pid: own } = await started(bridge);
    pid = Number(own);
    const { headers } = await hello(bridge.url('hostile'));
    assert.equal(textOf((await post(bridge.url('hostile'), toolCall(1, 'echo', { text: 'a' }), headers)).messages.at(-1)), 'a');
    const stranger = openNatsCluster({ servers: [String(url)], name: 'stranger', inbox: subjects().edgeInbox(newEdgeId()) });
    await assert.rejects(stranger, /Authorization/i);
    assert.equal((await readFile(`/proc/${pid}/environ`, 'latin1')).includes('PATH='), false, 'it is given no environment');
    assert.ok(lives(pid));
  }
  await gone(pid);
});

test('killed, it is started again, and the session goes on', async () => {
  await using bridge = await open();
  const url = bridge.url('hostile');
  const { headers } = await hello(url);
  const { pid } = await started(bridge);
  process.kill(Number(pid), 'SIGKILL');
  await bridge.logs.next('the news of its end', ({ msg }) => msg === 'nats-server ended, starting it again');
  const again = await bridge.logs.next('its return', ({ msg }) => msg === 'nats-server started again');
  assert.notEqual(again['pid'], pid);
  const answer = await until(15_000, 'an answer', async () => {
    const one = await post(url, toolCall(1, 'echo', { text: 'b' }), headers);
    if (one.status === 200) return one;
    assert.deepEqual([one.status, one.messages[0]?.error?.data?.['retryable']], [503, true], one.text);
    return undefined;
  });
  assert.equal(textOf(answer.messages.at(-1)), 'b');
});

test('it ends with a process that is killed', async () => {
  await using bridge = await open();
  const { pid } = await started(bridge);
  bridge.kill('SIGKILL');
  await gone(Number(pid));
});

test('it does so where the system has no death signal, and after it was started again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'causeway-path-'));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'setpriv'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  await using bridge = await open({ PATH: `${directory}${delimiter}${process.env['PATH']}` });
  const first = await started(bridge);
  process.kill(Number(first['pid']), 'SIGKILL');
  const { pid } = await bridge.logs.next('its return', ({ msg }) => msg === 'nats-server started again');
  bridge.kill('SIGKILL');
  await gone(Number(pid));
});

test('without a nats-server, and for a role that needs that of others, it says what to do', async () => {
  await using alone = launch(['--nats', 'auto', '--port', '0', '--', 'node', '-e', ''], {
    env: { CAUSEWAY_NATS_SERVER: '/nowhere/nats-server' },
  });
  assert.equal((await alone.finished).code, 4);
  assert.match(alone.stderr(), /No nats-server of 2\.11 or newer was found.*Put one on the PATH, or name it in CAUSEWAY_NATS_SERVER/s);
  for (const role of ['edge', 'worker']) {
    await using one = launch([role, '--nats', 'auto']);
    assert.equal((await one.finished).code, 2);
    assert.match(one.stderr(), /needs the NATS servers that its (?:workers|edges) are on/);
  }
  await using mixed = launch(['--nats', 'auto,localhost', '--', 'node']);
  assert.equal((await mixed.finished).code, 2);
  assert.match(mixed.stderr(), /auto is one server, and stands alone/);
});
