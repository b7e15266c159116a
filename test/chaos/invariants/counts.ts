/** I2, I3, I5, I10, I17, I18: what is counted, what is kept, and what is really there. Pure. */
import type { Scan } from '../census.ts';
import type { KvDump } from '../kv.ts';
import type { Connection } from '../nats.ts';
import type { SessionRecord } from '../records.ts';
import { violation, type Violation } from './violation.ts';

export interface Limits {
  readonly total?: number;
  readonly servers?: Readonly<Record<string, number>>;
}

/** The most sessions that clients held at the same time, of all servers or of one. */
export function peak(sessions: readonly SessionRecord[], server?: string): { readonly most: number; readonly at: number } {
  const counted = sessions.filter((one) => server === undefined || one.server === server);
  // Ends before beginnings where they coincide: only what certainly overlapped counts.
  const steps = counted
    .flatMap(({ opened, ended }) => [
      { at: opened, by: 1 },
      { at: ended ?? Infinity, by: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.by - b.by);
  let held = 0;
  let most = { most: 0, at: 0 };
  for (const { at, by } of steps) {
    held += by;
    if (held > most.most) most = { most: held, at };
  }
  return most;
}

/** I2: at no moment did clients hold more sessions, or workers more children, than a limit allows. */
export function withinLimits(limits: Limits, sessions: readonly SessionRecord[], scans: readonly Scan[]): readonly Violation[] {
  const scopes: readonly (readonly [string, number | undefined, string | undefined])[] = [
    ['total', limits.total, undefined],
    ...Object.entries(limits.servers ?? {}).map(([server, limit]) => [`server ${server}`, limit, server] as const),
  ];
  const held = scopes.flatMap(([scope, limit, server]) => {
    const { most, at } = peak(sessions, server);
    return limit !== undefined && most > limit ? violation('I2', `${most} sessions under a limit of ${limit} (${scope})`, { at }) : [];
  });
  const { total } = limits;
  const crowd = scans.find(({ live }) => total !== undefined && live.filter(({ root }) => root).length > total);
  return crowd === undefined
    ? held
    : [...held, violation('I2', `${crowd.live.length} children under a limit of ${total}`, { at: crowd.at })];
}

/** I3 and I5, when all is quiet: what workers count, what records say, which children live and what clients hold are the same. */
export function accounted(dump: KvDump, { live }: Scan, sessions: readonly SessionRecord[]): readonly Violation[] {
  const roots = live.filter(({ root }) => root);
  const children = new Set(roots.map(({ session }) => session));
  const counts = [...dump.workers].flatMap(([worker, record]) => {
    const own = roots.filter((child) => child.worker === worker).length;
    return record.sessions === own
      ? []
      : violation('I3', `worker ${worker} counts ${record.sessions} sessions and has ${own} children`, record);
  });
  const strangers = roots.filter(({ worker }) => !dump.workers.has(worker));
  // Without an owner a session waits for its client; its record is no claim that a child lives.
  const childless = [...dump.sessions].filter(([token, { owner }]) => dump.workers.has(owner) && !children.has(token));
  const unrecorded = roots.filter(({ session }) => !dump.sessions.has(session));
  const foreign = roots.filter(({ session, worker, epoch }) => {
    const record = dump.sessions.get(session);
    return record !== undefined && (record.owner !== worker || record.epoch !== epoch);
  });
  const kept = sessions.filter(({ id }) => ![...dump.sessions.keys()].some((token) => id.includes(token)));
  return [
    ...counts,
    ...strangers.map((child) => violation('I3', 'a child of a worker without a record', child)),
    ...childless.map(([token, record]) => violation('I5', 'a session has a record and no child', { token, record })),
    ...unrecorded.map((child) => violation('I5', 'a child has no record of its session', child)),
    ...foreign.map((child) =>
      violation('I1', 'a record names another owner than the one that has the child', { child, record: dump.sessions.get(child.session) }),
    ),
    ...kept.map((session) => violation('I5', 'a client holds a session that has no record', session)),
    ...(sessions.length === roots.length
      ? []
      : [violation('I3', `clients hold ${sessions.length} sessions and ${roots.length} children live`, {})]),
  ];
}

/** I10: what has ended answers 404, always. */
export function endsAreFinal(asked: readonly { readonly session: string; readonly status: number }[]): readonly Violation[] {
  return asked.filter(({ status }) => status !== 404).map((one) => violation('I10', `an ended session answered ${one.status}`, one));
}

/** What a part of the whole holds on to. */
export interface Holdings {
  readonly name: string;
  readonly descriptors: number;
  readonly subscriptions: number;
}

/** I17: afterwards nobody holds more than at the start; `slack` descriptors are forgiven. */
export function backToStart(before: readonly Holdings[], after: readonly Holdings[], slack: number): readonly Violation[] {
  return after.flatMap((now) => {
    const then = before.find(({ name }) => name === now.name);
    if (then === undefined) return [];
    const more = now.descriptors - then.descriptors;
    return [
      ...(more > slack ? [violation('I17', `${now.name} holds ${more} more file descriptors than at the start`, { then, now })] : []),
      ...(now.subscriptions > then.subscriptions
        ? [violation('I17', `${now.name} holds more subscriptions than at the start`, { then, now })]
        : []),
    ];
  });
}

/** I17: nothing is left when all sessions have ended. */
export function nothingLeft(dump: KvDump, { live }: Scan): readonly Violation[] {
  return [
    ...[...dump.sessions].map(([token, record]) => violation('I17', 'the record of an ended session is left', { token, record })),
    ...live.map((child) => violation('I17', 'a child of an ended session is left', child)),
  ];
}

/** I18: exactly one subscriber for the subjects of each process that lives. */
export function oneSubscriber(connections: readonly Connection[], ids: readonly string[]): readonly Violation[] {
  return ids.flatMap((id) => {
    const own = new RegExp(`\\.(w\\.${id}\\.>|e\\.${id}\\.(>|g\\.\\*))$`);
    const holders = connections.flatMap(({ name, node, subjects }) =>
      subjects.filter((subject) => own.test(subject)).map((subject) => ({ name, node, subject })),
    );
    return holders.length === 1 ? [] : violation('I18', `${holders.length} subscribers for the subjects of ${id}`, holders);
  });
}
