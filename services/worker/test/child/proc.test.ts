/** What /proc says of processes that live, and of one that has ended and was not collected. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { readStat } from '../../src/child/proc.ts';

test('who lives is not ending; who has ended is, until it was collected, and nobody afterwards', { timeout: 20_000 }, async () => {
  assert.equal(readStat(process.pid)?.ending, false);
  // A parent that collects nobody: `sleep`, once the shell, which may collect, has become it. Its child ends after that.
  const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  const exited = once(parent, 'exit');
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
  while (readFileSync(`/proc/${parent.pid}/comm`, 'latin1') !== 'sleep\n') await sleep(10);
  const pid = Number(line.toString());
  assert.equal(readStat(pid)?.ending, false);
  (parent.stdio[3] as Writable).end();
  while (readStat(pid)?.dead === false) await sleep(10);
  assert.deepEqual(readStat(pid) && [readStat(pid)?.dead, readStat(pid)?.ending], [true, true]);
  parent.kill('SIGKILL');
  await exited;
});
