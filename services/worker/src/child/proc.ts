/**
 * Owns what is read from /proc: who a process is, what group it is in, what its environment says.
 * A process is identified by its number and its start time, since numbers are used again. Everything
 * here is about Linux; elsewhere the readers find nothing.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

/** One life of a process. */
export interface ProcessStat {
  readonly pid: number;
  /** Process group. */
  readonly group: number;
  /** Clock ticks after the machine's start, in decimal. */
  readonly started: string;
  /** Ended but not yet collected by its parent. */
  readonly dead: boolean;
  /** The same, or on the way there: it runs nothing of its own any more. */
  readonly ending: boolean;
}

/** The kernel's PF_EXITING (include/linux/sched.h). */
const EXITING = 0x4;

/** The line of /proc/<pid>/stat; the name in it may hold blanks and parentheses, so it is read from the last one. */
function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, , , , flags] = fields;
  const started = fields[19];
  if (state === undefined || started === undefined) return undefined;
  const dead = state === 'Z' || state === 'X';
  return { pid: Number.parseInt(text, 10), group: Number(group), started, dead, ending: dead || (Number(flags) & EXITING) !== 0 };
}

/** The present life of process `pid`, or undefined when there is none. Does not wait for any disk. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Every process that can be seen from here, a few at a time; those that end meanwhile are left out. */
export async function* processes(): AsyncGenerator<ProcessStat> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^[0-9]+$/.test(name)).map(Number);
  for (let at = 0; at < pids.length; at += BATCH) {
    for (const pid of pids.slice(at, at + BATCH)) {
      const stat = readStat(pid);
      if (stat !== undefined) yield stat;
    }
    await setImmediate();
  }
}

/** Read in one turn of the event loop: by 18 us each, where one that is waited for takes 45 or more. */
const BATCH = 16;

const NUL = Buffer.alloc(1);

/** The value of `name` in the environment that the process was started with; undefined when it has none or may not be read. */
export async function readVariable(pid: number, name: string): Promise<string | undefined> {
  const bytes = Buffer.concat([NUL, await readFile(`/proc/${pid}/environ`).catch(() => NUL)]);
  const start = bytes.indexOf(`\0${name}=`, 0, 'latin1');
  if (start === -1) return undefined;
  const from = start + name.length + 2;
  const end = bytes.indexOf(0, from);
  // Of the bytes, not of a text: a piece of a text keeps all of it in memory.
  return bytes.toString('latin1', from, end === -1 ? bytes.length : end);
}

/** Number of the PID namespace that this process lives in: process numbers mean nothing outside it. */
export function processSpace(): string {
  try {
    return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
