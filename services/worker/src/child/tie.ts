/**
 * Owns the tie of a process that is no session's to this one's life: it ends when this one ends, however that happens. By the
 * kernel where it can be asked; else by a warden of its own, which children of sessions have anyway, since they have children.
 */
import type { ChildProcess } from 'node:child_process';
import type { ChildLog } from './child.ts';
import { launchPrefixes } from './launch.ts';
import { readStat } from './proc.ts';
import { openWarden } from './warden.ts';

export interface Tie extends AsyncDisposable {
  /** Words to put before its command. */
  readonly prefix: readonly string[];
  /** It was started, in a process group of its own; so again each time that it is. */
  bind(process: ChildProcess): void;
}

/** `name` is that of no worker in this process. */
export async function openTie(name: string, log: ChildLog): Promise<Tie> {
  const { confined: prefix, free } = await launchPrefixes();
  const warden = free.length > 0 ? undefined : await openWarden({ log, worker: name });
  return {
    prefix,
    bind(process) {
      const { pid } = process;
      if (pid === undefined) return;
      warden?.watch(pid, readStat(pid)?.started ?? '');
      process.once('exit', () => warden?.release(pid));
    },
    async [Symbol.asyncDispose]() {
      await warden?.[Symbol.asyncDispose]();
    },
  };
}
