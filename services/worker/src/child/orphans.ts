/**
 * Owns the mark that every process of a child carries in its environment, and the search for marked
 * processes whose worker is gone. This is the net under all others: it needs nobody to have noticed
 * anything. A process that cleared its environment and left its group escapes it; only a PID namespace
 * or a control group catches that one.
 *
 * Invariants:
 *  1. A mark names one life of one worker process (PID namespace, number, start time), so that every worker
 *     of the machine can tell by itself whether the owner lives.
 *  2. Marks made in another PID namespace are left alone: numbers mean nothing across namespaces.
 *  3. Before a signal the process and its mark are looked at again: a number that was given away since is left alone.
 *  4. This process and its group are never signalled.
 */
import type { ChildLog } from './child.ts';
import { MARK } from './environment.ts';
import { processes, processSpace, readStat, readVariable, type ProcessStat } from './proc.ts';
import { SeenMarks } from './seen-marks.ts';

/** One life of a worker process. */
export interface Owner {
  readonly space: string;
  readonly pid: number;
  readonly started: string;
}

export function ownProcess(): Owner {
  return { space: processSpace(), pid: process.pid, started: readStat(process.pid)?.started ?? '0' };
}

export interface MarkedSession {
  readonly worker: string;
  readonly session: string;
  readonly epoch: number;
}

/** What every mark of this owner ends with, and no other does. */
export function ownerSuffix({ space, pid, started }: Owner): string {
  return `@${space}.${pid}.${started};`;
}

/** `<worker>/<session>/<epoch>@<space>.<pid>.<started>;`, the value of CAUSEWAY_CHILD. */
export function childMark({ worker, session, epoch }: MarkedSession, owner: Owner = ownProcess()): string {
  return `${worker}/${session}/${epoch}${ownerSuffix(owner)}`;
}

/** The owner that a mark names; undefined for text that is no mark. */
export function markOwner(mark: string): Owner | undefined {
  const [, space, pid, started] = /@([0-9]+)\.([0-9]+)\.([0-9]+);$/.exec(mark) ?? [];
  return space === undefined || pid === undefined || started === undefined ? undefined : { space, pid: Number(pid), started };
}

/** Whether that very process still runs on this machine. */
export function isAlive({ pid, started }: Owner): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.started === started && !stat.dead;
}

export interface OwnSessions {
  /** As in the marks; other workers in the same process are not asked about and not touched. */
  readonly worker: string;
  /** Whether the session that a mark of this worker names still has its child. */
  isCurrent(mark: string): boolean;
}

export interface SweepOptions {
  readonly log: ChildLog;
  /** Sweeps what is left of this worker's own sessions too. */
  readonly own?: OwnSessions;
  /** What the searches before have read. */
  readonly marks?: SeenMarks;
}

/** Environments that are read at once. */
const BATCH = 16;

/** Kills what carries the mark of an owner that is gone, or of a session of ours that is over. Resolves to the number of processes found. */
export async function sweepOrphans({ log, own: sessions, marks = new SeenMarks() }: SweepOptions): Promise<number> {
  const own = ownProcess();
  const ownGroup = readStat(process.pid)?.group;
  const isOrphaned = orphaned(own, sessions);
  const seen = new Map<number, ProcessStat>();
  const suspects: ProcessStat[] = [];
  for await (const stat of processes()) {
    seen.set(stat.pid, stat);
    if (stat.dead || stat.pid === own.pid || stat.group === ownGroup) continue;
    const mark = marks.of(stat);
    if (mark === undefined || isOrphaned(mark)) suspects.push(stat);
  }
  const orphans = new Map<number, ProcessStat>();
  for (let at = 0; at < suspects.length; at += BATCH) {
    const look = async (stat: ProcessStat): Promise<void> => {
      const mark = await readVariable(stat.pid, MARK);
      marks.note(stat, mark);
      if (mark !== undefined && isOrphaned(mark)) orphans.set(stat.pid, stat);
    };
    await Promise.all(suspects.slice(at, at + BATCH).map(look));
  }
  marks.keep(seen);
  for (const stat of orphans.values()) kill(stat, seen, orphans);
  if (orphans.size > 0) log.warn({ pids: [...orphans.keys()] }, 'killed processes that a worker left behind');
  return orphans.size;
}

/** Tells of each mark whether whoever made it is gone, or its session is. Each owner is looked at once. */
function orphaned(own: Owner, sessions: OwnSessions | undefined): (mark: string) => boolean {
  const owners = new Map<string, boolean>();
  const lives = (owner: Owner): boolean => {
    const name = ownerSuffix(owner);
    const known = owners.get(name) ?? isAlive(owner);
    owners.set(name, known);
    return known;
  };
  return (mark) => {
    const owner = markOwner(mark);
    if (owner === undefined || owner.space !== own.space) return false;
    if (owner.pid !== own.pid || owner.started !== own.started) return !lives(owner);
    return sessions !== undefined && mark.startsWith(`${sessions.worker}/`) && !sessions.isCurrent(mark);
  };
}

/** The whole group, unless a stranger leads it. */
function kill(
  { pid, group, started }: ProcessStat,
  seen: ReadonlyMap<number, ProcessStat>,
  orphans: ReadonlyMap<number, ProcessStat>,
): void {
  const now = readStat(pid);
  if (now === undefined || now.started !== started || now.group !== group) return;
  const leader = seen.get(group);
  const stranger = leader !== undefined && !leader.dead && !orphans.has(group);
  try {
    process.kill(stranger || group <= 1 ? pid : -group, 'SIGKILL');
  } catch {
    // It ended by itself, or belongs to somebody whom we may not signal.
  }
}

export interface OrphanSweepOptions extends SweepOptions {
  /** Milliseconds from one sweep to the next, at least. Default 10 s. */
  readonly every?: number;
  /** Milliseconds after which there is another in any case. Default two minutes. */
  readonly longest?: number;
}

/** A sweep reads of every process of the machine, be it of another worker: it may take this part of the time. */
const SHARE = 1 / 200;

/** Milliseconds until the next sweep after one that took `took` of processor time: a pause of the machine is no work. */
export function pauseAfter(
  took: number,
  { every = 10_000, longest = 120_000 }: Pick<OrphanSweepOptions, 'every' | 'longest'> = {},
): number {
  return Math.max(every, Math.min(took / SHARE, longest));
}

/** Milliseconds of processor time of this process. */
function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Sweeps once before it resolves and then again and again (`pauseAfter`), without keeping the process alive. */
export async function openOrphanSweep(options: OrphanSweepOptions): Promise<AsyncDisposable> {
  const { log } = options;
  if (process.platform !== 'linux') {
    log.info({ platform: process.platform }, 'children of lost workers are not looked for on this system');
    return { async [Symbol.asyncDispose]() {} };
  }
  let running: Promise<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const marks = new SeenMarks();
  const sweep = async (): Promise<void> => {
    const before = worked();
    await sweepOrphans({ ...options, marks });
    if (closed) return;
    timer = setTimeout(again, pauseAfter(worked() - before, options)).unref();
  };
  const again = (): void => void (running = sweep());
  await sweep();
  return {
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
