/** I6, I7, I8, I12: what the ledgers of clients and fixtures say about calls, answers and streams. Pure. */
import type { Entry } from '../../harness/ledger.ts';
import type { CallRecord, Heard, SessionRecord, Standing, Stray, Ticks } from '../records.ts';
import { violation, type Violation } from './violation.ts';

/** Milliseconds by which clocks of two processes on one machine and a turn of the event loop are forgiven. */
const GRACE = 1_000;

/** I6: every request has exactly one outcome, and it is an answer or a definite error. */
export function oneOutcome(calls: readonly CallRecord[], entries: readonly Entry[] = []): readonly Violation[] {
  return calls.flatMap((call) => {
    if (call.outcome === 'silence') {
      const seen = entries.filter(({ nonce }) => nonce !== undefined && call.nonces.includes(nonce));
      const what = seen.length > 0 ? 'a request that a child has seen was never answered' : 'a request was never answered';
      return violation('I6', what, { call, seen });
    }
    if (call.finals > 1) return violation('I6', `a request was answered ${call.finals} times`, call);
    if (call.outcome === 'ok' && call.finals === 0) return violation('I6', 'a request ended well without an answer', call);
    return [];
  });
}

/** I7: each nonce was seen by at most one child, once, and none after the deadline of its call, in milliseconds. */
export function onceEach(entries: readonly Entry[], calls: readonly CallRecord[], deadline: number): readonly Violation[] {
  const seen = new Map<string, Entry[]>();
  for (const entry of entries) {
    if (entry.nonce !== undefined) seen.set(entry.nonce, [...(seen.get(entry.nonce) ?? []), entry]);
  }
  const twice = [...seen.values()].filter(({ length }) => length > 1).map((same) => violation('I7', 'a call was executed twice', same));
  const late = calls.flatMap((call) => {
    const [last] = (call.nonces.at(-1) === undefined ? undefined : seen.get(call.nonces.at(-1)!)) ?? [];
    const late = last === undefined ? 0 : last.at - Math.max(call.ended, call.began + deadline);
    return late > GRACE ? violation('I7', `a call was executed ${late} ms after its deadline and its outcome`, { call, last }) : [];
  });
  const lost = calls.flatMap((call) => {
    const executed = call.nonces.filter((nonce) => seen.has(nonce));
    return call.outcome === 'ok' && call.nonces.length > 0 && executed.length === 0
      ? violation('I7', 'a call was answered that no child has seen', call)
      : [];
  });
  return [...twice, ...late, ...lost];
}

/** I7, the promise to clients: what was refused with `executed: "no"` was seen by no child. */
export function keptPromises(entries: readonly Entry[], calls: readonly CallRecord[]): readonly Violation[] {
  const seen = new Set(entries.flatMap(({ nonce }) => nonce ?? []));
  return calls.flatMap((call) => {
    const last = call.nonces.at(-1);
    return call.outcome === 'error' && call.executed === 'no' && last !== undefined && seen.has(last)
      ? violation('I7', 'a call was executed although its client was told that it was not', call)
      : [];
  });
}

/** I8: nobody got what belongs to another session or exchange, and every answer is the one that was asked for. */
export function ownOnly(strays: readonly Stray[], calls: readonly CallRecord[]): readonly Violation[] {
  return [
    ...strays.map((stray) => violation('I8', stray.what, stray)),
    ...calls.filter(({ wrong }) => wrong !== undefined).map((call) => violation('I8', `a wrong answer: ${call.wrong}`, call)),
  ];
}

/** I12: positions of a stream increase by one over all connections that it was read on; no event comes twice. */
export function orderly(heard: readonly Heard[]): readonly Violation[] {
  const streams = new Map<string, Heard[]>();
  for (const event of heard) {
    const key = `${event.session} ${event.stream}`;
    const events = streams.get(key);
    if (events === undefined) streams.set(key, [event]);
    else events.push(event);
  }
  return [...streams.values()].flatMap((events) => {
    for (const [at, event] of events.entries()) {
      const before = events[at - 1];
      if (before === undefined || (before.seq === 0 && event.seq > 0)) continue;
      const both = { before, event };
      if (event.seq <= before.seq) return violation('I12', `position ${event.seq} of a stream came after ${before.seq}`, both);
      if (event.seq > before.seq + 1) return violation('I12', `a stream has a gap between ${before.seq} and ${event.seq}`, both);
    }
    return [];
  });
}

/** What clients wrote down about numbered notifications, and what helps to understand one that is missing. */
export interface TickEvidence {
  readonly ticks: ReadonlyMap<string, Ticks>;
  readonly sessions: readonly SessionRecord[];
  readonly calls: { readonly items: readonly CallRecord[] };
  readonly standing: { readonly items: readonly Standing[] };
}

/** I12: numbered notifications arrived once each, all of them where the session lives on. */
export function allTold({ ticks, sessions, calls, standing }: TickEvidence): readonly Violation[] {
  return sessions.flatMap(({ session, end }) => {
    const { said, heard, doubtful } = ticks.get(session) ?? { said: new Map<number, number>(), heard: [], doubtful: new Set() };
    const once = new Set(heard);
    const doubles = heard.filter((tick, at) => heard.indexOf(tick) !== at && !doubtful.has(tick));
    const missing = [...said].filter(([tick]) => !once.has(tick) && end === undefined);
    return [
      ...doubles.map((tick) => violation('I12', `notification ${tick} arrived twice`, { session, tick })),
      ...missing.map(([tick, at]) =>
        violation('I12', `notification ${tick} never arrived`, {
          session,
          at,
          heard: heard.slice(-5),
          calls: calls.items.filter((one) => one.session === session && one.ended >= at - 100 && one.began <= at + 1_500).map(shortly),
          stream: standing.items.filter((one) => one.session === session).map((one) => `${one.what} ${one.status} ${one.at - at}`),
        }),
      ),
    ];
  });
}

const shortly = ({ tool, began, ended, outcome, retried, resumed }: CallRecord) =>
  `${tool} ${outcome} ${began}-${ended} retried ${retried} resumed ${resumed}`;
