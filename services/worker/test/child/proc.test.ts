/** What /proc says of processes that live, and of one that has ended and was not collected. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { readStat } from '../../src/child/proc.ts';

test('who lives is not ending; who has ended is, until it was collected, and nobody afterwards', { timeout: 20_000 }, async () => {
  assert.equal(readStat(process.pid)?.ending, false);
  // `exec` leaves a parent that collects nobody.
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(parent, 'exit');
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  while (readStat(pid)?.dead === false) await sleep(10);
  assert.deepEqual(readStat(pid) && [readStat(pid)?.dead, readStat(pid)?.ending], [true, true]);
  parent.kill('SIGKILL');
  await exited;
});
