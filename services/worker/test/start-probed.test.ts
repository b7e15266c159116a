import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '@causeway/config';
import { newWorkerId } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { sweepOrphans } from '../src/child/orphans.ts';
import { startProbed } from '../src/start-probed.ts';
import { openStarts } from '../src/starts.ts';

/** Leaves a process behind in a group of its own, which connects to `LINE` and ends with nothing but KILL. */
const SCRIPT = `
  const daemon = "process.on('SIGTERM', () => {}); require('node:net').connect(process.env.LINE); setInterval(() => {}, 1e9)";
  require('node:child_process').spawn(process.execPath, ['-e', daemon], { detached: true, stdio: 'ignore' }).unref();
  process.stdin.resume().on('end', () => process.exit(0));`;

test('what a server that was only tried leaves behind is swept while its worker lives', { timeout: 30_000 }, async (t) => {
  const line = join(tmpdir(), `line-${process.pid}.sock`);
  const listener = createServer().listen(line);
  t.after(() => listener.close());
  const value = {
    servers: { leaving: { command: process.execPath, args: ['-e', SCRIPT], env: { LINE: line } }, none: { command: '/no/such' } },
  };
  const { config } = loadConfig({ value, env: {}, cwd: '/' });
  const { leaving, none } = config.servers;
  const worker = newWorkerId();
  await using starts = await openStarts({ worker, log: silentLog() }, config.worker);
  const marks = new Set<string>();
  const start = startProbed(starts.start, marks);
  const listeners = { line: () => undefined, broken: () => undefined, exit: () => undefined };
  const own = { worker, isCurrent: (mark: string) => marks.has(mark.split('/')[1]!) };
  const child = await start(leaving!, listeners);
  const [daemon] = (await once(listener, 'connection')) as [Socket];
  const gone = once(
    daemon.on('error', () => undefined),
    'close',
  );
  await sweepOrphans({ log: silentLog(), own });
  assert.equal(daemon.closed, false, 'nothing of a child that lives is swept');
  await child.stop({ gentle: false });
  assert.equal(await sweepOrphans({ log: silentLog(), own }), 1);
  await gone;
  await assert.rejects(start(none!, listeners), { reason: 'server.start_failed' });
  assert.equal(marks.size, 0);
});
