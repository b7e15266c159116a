/**
 * Owns the one call that creates a child process, always as the leader of its own group and session, with
 * exactly the environment it is given and three pipes. Keeps: the pipes are handed over before a byte of
 * them can be lost, and the kernel prefers the child to the worker when memory runs out.
 *
 * `fork` copies the page tables and stops the event loop meanwhile (milliseconds): spawn-queue.ts spaces it.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { execa } from 'execa';
import type { Variables } from './environment.ts';
import { faultOf, startFailed, type Launch } from './launch.ts';

export interface Spawned {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** For its `exit` event. */
  readonly process: ChildProcess;
}

/** Attach readers in the turn in which this resolves. Throws `server.start_failed`. */
export async function spawnChild(launch: Launch, variables: Variables, prefix: readonly string[]): Promise<Spawned> {
  // The death signal follows the thread that spawned, not its process.
  assert(isMainThread, 'children are spawned from the main thread only');
  proveDescriptors();
  const [file = launch.file, ...args] = [...prefix, launch.file, ...launch.args];
  const running = execute(file, args, launch.cwd, variables);
  if (running.pid === undefined) {
    const { cause, code } = await running;
    throw startFailed(faultOf(cause ?? { code }), cause);
  }
  // What happens to the process is read from its events; this outcome would wait for every grandchild.
  running.catch(() => {});
  preferWhenMemoryEnds(running.pid);
  const { pid, stdin, stdout, stderr, nodeChildProcess } = running;
  return { pid, stdin, stdout, stderr, process: nodeChildProcess };
}

/** Three pairs of pipes and the one by which the system reports that it could not execute. */
const DESCRIPTORS = 8;

/** Node loses the pipes it already made when it runs out of descriptors in the middle, so that is found out first. */
function proveDescriptors(): void {
  const held: number[] = [];
  try {
    while (held.length < DESCRIPTORS) held.push(openSync(devNull, 'r'));
  } catch (error) {
    throw startFailed(faultOf(error), error);
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}

function execute(file: string, args: readonly string[], cwd: string, variables: Variables) {
  try {
    return execa(file, args, {
      cwd,
      env: variables,
      extendEnv: false,
      detached: true,
      buffer: false,
      encoding: 'buffer',
      reject: false,
      cleanup: false,
      forceKillAfterDelay: false,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    });
  } catch (error) {
    throw startFailed(faultOf(error), error);
  }
}

/** Raising the own children's score needs no privilege; where it fails the child runs all the same. */
function preferWhenMemoryEnds(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {}
}
