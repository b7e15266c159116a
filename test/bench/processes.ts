/**
 * Owns the view of a target's processes: processor time and memory of a tree, read from /proc. The echo
 * children are told apart by name, so that a bridge is not charged for the work of its child.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** The name under which echo children run; at most 15 bytes, as the kernel keeps it. */
export const ECHO_NAME = 'bench-echo';

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly echo: boolean;
  /** Milliseconds of processor time, user and system, in steps of 10. */
  readonly cpu: number;
}

const MS_PER_TICK = 10;

function facts(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const nameEnd = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, nameEnd);
    const fields = stat.slice(nameEnd + 2).split(' ');
    const echo = name === ECHO_NAME || (name.startsWith('node') && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('echo.mjs\0'));
    return { pid, parent: Number(fields[1]), echo, cpu: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK };
  } catch {
    return undefined; // It ended while we looked.
  }
}

/** The roots and everything below them, as of now. */
export function processTree(roots: readonly number[]): readonly ProcessFacts[] {
  const all = new Map<number, ProcessFacts>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const found = facts(Number(name));
    if (found) all.set(found.pid, found);
  }
  const inside = (process: ProcessFacts): boolean => {
    for (let at: ProcessFacts | undefined = process; at; at = all.get(at.parent)) if (roots.includes(at.pid)) return true;
    return false;
  };
  return [...all.values()].filter(inside);
}

/** The bridge's own processes, as of now. */
export function bridgePids(roots: readonly number[]): readonly number[] {
  return processTree(roots).flatMap(({ pid, echo }) => (echo ? [] : [pid]));
}

/** Milliseconds of processor time by process, since each started. Looks at nothing else: ten thousand children would take a while. */
export function cpuOf(pids: readonly number[]): ReadonlyMap<number, number> {
  return new Map(pids.map((pid) => [pid, facts(pid)?.cpu ?? 0]));
}

/** What those of the later moment have used since the earlier one; one that is gone by then, or is new, takes nothing back. */
export function spent(before: ReadonlyMap<number, number>, now: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const [pid, cpu] of now) sum += Math.max(0, cpu - (before.get(pid) ?? 0));
  return sum;
}

/** Open files of the bridge's own processes. */
export function openFiles(roots: readonly number[]): number {
  return bridgePids(roots).reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
}

export interface Memory {
  /** Proportional set size of the bridge's processes, in bytes. */
  readonly bridge: number;
  readonly processes: number;
  readonly echoes: number;
}

export function memory(roots: readonly number[]): Memory {
  const tree = processTree(roots);
  let bridge = 0;
  for (const { pid, echo } of tree) if (!echo) bridge += proportionalSize(pid);
  const echoes = tree.filter(({ echo }) => echo).length;
  return { bridge, processes: tree.length - echoes, echoes };
}

function proportionalSize(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
