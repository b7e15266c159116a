/** I1, I4, I9, I13: what /proc says about children, judged by what was done to their workers. Pure. */
import type { Entry } from '../../harness/ledger.ts';
import type { ChildLife, Scan } from '../census.ts';
import type { Happening } from '../unit.ts';
import { violation, type Violation } from './violation.ts';

/** Milliseconds that a child may outlive its worker, and its session under a live worker. */
const AFTER_WORKER = 5_000;
/** Milliseconds until a worker that was away, or NATS, knows again what is true: the longest election and a look. */
const BACK = 10_000;
export const AFTER_SESSION = 6_000;

/** Milliseconds until a child that has started is certainly seen. */
const SEEN = 500;

/** When each worker's life ended, by its id. */
function deaths(journal: readonly Happening[]): ReadonlyMap<string, number> {
  return new Map(
    journal
      .filter(({ what, role }) => role === 'worker' && (what === 'killed' || what === 'ended'))
      .toReversed()
      .map(({ id, at }) => [id, at]),
  );
}

/**
 * Whether that worker could not know or act at that moment: stopped, dead, cut off from NATS, or only just back from
 * that. What it may not do meanwhile is touch its children, which the ledger of calls shows (I7).
 */
function helpless(worker: string, at: number, journal: readonly Happening[]): boolean {
  const lasting = (one: Happening | undefined, over: Happening['what']) => one !== undefined && (one.what !== over || at - one.at <= BACK);
  const before = journal.filter((one) => one.at <= at);
  const last = before.findLast((one) => one.id === worker && one.what !== 'started' && one.what !== 'told');
  if (lasting(last, last?.what === 'healed' ? 'healed' : 'continued')) return true;
  // NATS is a majority of servers that see each other.
  const nodes = new Map(before.filter(({ role }) => role === 'nats').map((one) => [one.name, one]));
  const away = [...nodes.values()].filter((one) => lasting(one, one.what === 'healed' ? 'healed' : 'started'));
  return away.length > 1 || away.some(({ what }) => what === 'parted' || what === 'healed');
}

/**
 * I1: one live root child for a session and epoch; and one epoch for a session, where the worker of the older one
 * could do anything about it.
 */
export function oneChild(scans: readonly Scan[], journal: readonly Happening[]): readonly Violation[] {
  const found = new Map<string, Violation>();
  for (const { at, live } of scans) {
    const sessions = Map.groupBy(
      live.filter(({ root }) => root),
      ({ session }) => session,
    );
    for (const [session, children] of sessions) {
      if (children.length < 2) continue;
      const epochs = new Set(children.map(({ epoch }) => epoch));
      if (epochs.size < children.length) {
        found.set(`same ${session}`, violation('I1', 'two children of one session and epoch lived at once', { at, children }));
        continue;
      }
      const newest = Math.max(...epochs);
      const older = children.filter(({ epoch, worker }) => epoch < newest && !helpless(worker, at, journal));
      if (older.length > 0) found.set(`epochs ${session}`, violation('I1', 'two epochs of one session lived at once', { at, children }));
    }
  }
  return [...found.values()];
}

/** I4: children that lived on after their worker, or after their session under a worker that could end them. */
export function orphans(scans: readonly Scan[], journal: readonly Happening[], ends: ReadonlyMap<number, number>): readonly Violation[] {
  const died = deaths(journal);
  const found = new Map<ChildLife, Violation>();
  for (const { at, live } of scans) {
    for (const child of live) {
      const death = died.get(child.worker);
      const end = ends.get(child.pid);
      if (death !== undefined && at - death > AFTER_WORKER) {
        found.set(child, violation('I4', `a child lived ${at - death} ms after its worker had died`, child));
      } else if (end !== undefined && at - end > AFTER_SESSION && !helpless(child.worker, at, journal)) {
        found.set(child, violation('I4', `a child lived ${at - end} ms after its session had ended`, child));
      }
    }
  }
  return [...found.values()];
}

/** I9: no call was passed to a child while a child of a later epoch of its session lived already. */
export function onlyOwners(entries: readonly Entry[], children: readonly ChildLife[]): readonly Violation[] {
  const latest = new Map<string, ChildLife>();
  for (const child of children) if (child.root && child.epoch > (latest.get(child.session)?.epoch ?? 0)) latest.set(child.session, child);
  const heirs = new Map([...latest].filter(([, { epoch }]) => epoch > 1));
  const of = new Map<number, ChildLife[]>();
  for (const child of children) if (heirs.has(child.session)) of.set(child.pid, [...(of.get(child.pid) ?? []), child]);
  return entries.flatMap((entry) => {
    const child = of.get(entry.pid)?.find(({ born, gone = Infinity }) => born - SEEN <= entry.at && gone >= entry.at);
    if (child === undefined || entry.nonce === undefined) return [];
    const heir = children.find(({ session, epoch, born }) => session === child.session && epoch > child.epoch && born + SEEN < entry.at);
    return heir === undefined
      ? []
      : violation('I9', 'a call was passed to a child whose session had gone on elsewhere', { entry, child, heir });
  });
}

/** I13: when a process is started again, nothing of its previous life is left. */
export function cleanStarts(scans: readonly Scan[], journal: readonly Happening[]): readonly Violation[] {
  return journal.flatMap((start, nth) => {
    if (start.what !== 'started' || start.role !== 'worker') return [];
    const previous = journal.slice(0, nth).findLast(({ name, id, what }) => name === start.name && what === 'ended' && id !== start.id);
    const scan = scans.find(({ at }) => at >= start.at);
    const left = scan?.live.filter(({ worker }) => worker === previous?.id) ?? [];
    return previous !== undefined && left.length > 0
      ? violation('I13', `${start.name} was started again beside children of its previous life`, left)
      : [];
  });
}
