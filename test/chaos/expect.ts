/**
 * Owns what several faults have in common in what must be seen: how calls in flight end when their owner is lost, and
 * what becomes of its sessions with and without recovery.
 */
import assert from 'node:assert/strict';
import { hello, post, readAnswer, toolCall, type Headers, type Hello, type Message } from '../harness/speak.ts';
import { timed, until } from '../harness/within.ts';
import { refusalOf, type Refusal } from './attempts.ts';
import type { ChildLife } from './census.ts';
import { describeCall, type CallRecord, type SessionRecord } from './records.ts';
import type { Run } from './run.ts';
import type { Unit } from './unit.ts';

/** Bounds in milliseconds after the loss. */
export interface LossBounds {
  /** Until calls in flight have their error. */
  readonly inFlight: number;
  /** Until the next message of a session with `recovery: restart` was served. */
  readonly served: number;
  /** Nobody can tell that the worker is gone: until then further calls are sent to it, and their fate is unknown. */
  readonly silent?: true;
}

/** `kill -9`, or anything else that tells NATS at once that the worker is gone. */
export const KILLED: LossBounds = { inFlight: 4_000, served: 5_000 };

/** Reasons of calls whose fate is unknown, ours and the client's own. */
export const UNKNOWN: readonly string[] = [
  'cluster.owner_lost',
  'cluster.owner_silent',
  'cluster.owner_unheard',
  'cluster.unavailable',
  'session.ended',
  'client.stream_ended',
];

const texts = (calls: readonly CallRecord[]) => calls.slice(0, 6).map(describeCall).join('; ');

/** No call failed, of all or of those clients. */
export function assertNoneFailed(run: Run, among?: (client: string) => boolean): void {
  const failed = run.failed(among);
  assert.equal(failed.length, 0, `${failed.length} of ${run.calls().length} calls failed: ${texts(failed)}`);
}

/** Calls that failed are among those that were in flight, and have an error with one of these reasons. */
export function assertOnlyInFlightFailed(run: Run, reasons: readonly string[]): void {
  const inFlight = new Set(run.inFlight());
  const others = run.failed().filter((call) => !inFlight.has(call));
  assert.equal(others.length, 0, `${others.length} calls failed that were not in flight when the fault struck: ${texts(others)}`);
  const wrong = run.failed().filter(({ reason = '' }) => !reasons.includes(reason));
  assert.equal(wrong.length, 0, `wrong reasons: ${texts(wrong)}`);
}

/**
 * After the loss of a worker (DECISIONS 7): calls in flight of its sessions answer RESULT_UNKNOWN; sessions with
 * recovery go on, with a new child elsewhere, one epoch higher, and their clients are told; the others are over.
 */
export async function assertRehomed(run: Run, lost: string, bounds: LossBounds): Promise<void> {
  const sessions = run.sessionsOf(lost).filter(({ transport }) => transport === 'streamable');
  const [restart, end] = [sessions.filter(({ server }) => server === 'steady'), sessions.filter(({ server }) => server === 'final')];
  const ofWorker = new Set(sessions.map(({ client }) => client));
  assert.ok(restart.length > 0 && end.length > 0, `the worker had ${restart.length} sessions with recovery and ${end.length} without`);
  const problems: string[] = [];
  const check = (right: boolean, what: string) => void (right || problems.push(what));

  const served = await run
    .recovered(bounds.served, (client) => restart.some((one) => one.client === client))
    .catch((error: Error) => error);
  check(!(served instanceof Error), `sessions with recovery were not served within ${bounds.served} ms: ${String(served)}`);
  await run.stage.load.served(run.struck, 60_000, (client) => ofWorker.has(client));

  const failed = run.inFlight((client) => ofWorker.has(client)).filter(({ outcome }) => outcome !== 'ok');
  // Those that arrived when the owner was gone already were refused, which is the end of a session without recovery.
  const errors = failed.filter(({ server, executed }) => server === 'steady' || executed !== 'no');
  const late = errors.filter(({ ended }) => ended - run.struck > bounds.inFlight);
  check(late.length === 0, `${late.length} calls in flight had no answer within ${bounds.inFlight} ms: ${texts(late)}`);
  const unclear = errors.filter(({ reason, executed }) => reason !== 'cluster.owner_lost' || executed !== 'unknown');
  check(unclear.length === 0, `${unclear.length} calls in flight did not end as cluster.owner_lost, unknown: ${texts(unclear)}`);
  const silent = ({ reason = '', began }: CallRecord) =>
    bounds.silent === true && UNKNOWN.includes(reason) && began < run.struck + bounds.served;
  const later = run
    .failed((client) => ofWorker.has(client))
    .filter((call) => call.server === 'steady' && !errors.includes(call) && !silent(call));
  check(later.length === 0, `${later.length} later calls of sessions with recovery failed: ${texts(later)}`);

  const over = restart.filter(({ end }) => end !== undefined);
  check(over.length === 0, `${over.length} of ${restart.length} sessions with recovery are over (${over.map((one) => one.end).join()})`);
  const goOn = end.filter((one) => one.end !== 'lost');
  check(goOn.length === 0, `${goOn.length} of ${end.length} sessions without recovery did not end with 404`);
  check(ends404(run, end), `sessions without recovery ended otherwise than with 404`);
  // The last one served may have a child that no scan has seen yet.
  await run.stage.census.next();
  const goingOn = restart.filter(({ end: over }) => over === undefined);
  for (const one of goingOn) problems.push(...heirProblems(run, one, lost));
  const listening = goingOn.filter(({ standing }) => standing);
  const told = await Promise.all(listening.map((one) => isTold(run, one)));
  const untold = listening.filter((_one, nth) => told[nth] === false).map((one) => standingOf(run, one));
  check(
    untold.length === 0,
    `${untold.length} of ${listening.length} clients with a GET stream were not told by a warning and list-changed notifications: ${untold.join('; ')}`,
  );
  assert.equal(problems.length, 0, problems.join('\n'));
}

/** Its stream is attached anew by its own edge, which may find out later than that of the session's calls. */
async function isTold({ struck, stage }: Run, { session }: SessionRecord): Promise<boolean> {
  const told = (method: RegExp) =>
    stage.load.evidence.told.next(
      `${method} in ${session}`,
      (one) => one.session === session && one.at >= struck && method.test(one.method),
    );
  const both = await Promise.allSettled([told(/^notifications\/message$/), told(/list_changed$/)]);
  return both.every(({ status }) => status === 'fulfilled');
}

/** What became of its GET stream since the fault struck, and what it was told on any. */
function standingOf({ struck, stage }: Run, { session }: SessionRecord): string {
  const { standing, told } = stage.load.evidence;
  const since = (at: number): string => `${at - struck} ms`;
  const streams = standing.items.filter((one) => one.session === session && one.at >= struck);
  const heard = told.items.filter((one) => one.session === session && one.at >= struck);
  return [
    session,
    ...streams.map(({ at, what, status }) => `${what} (${status}) after ${since(at)}`),
    ...heard.map(({ at, method }) => `${method} after ${since(at)}`),
  ].join(', ');
}

/** Milliseconds until a worker that is back from wherever it was has ended what is no longer its own, as in `invariants/children.ts`. */
const BACK = 10_000;

/** The children that it had when the fault struck end soon, where their sessions went on elsewhere. */
export async function assertMovedChildrenEnd(run: Run, worker: string): Promise<void> {
  const { census } = run.stage;
  const here = census.children.filter((child) => child.worker === worker && child.born <= run.struck);
  const moved = (child: ChildLife) => census.children.some(({ session, epoch }) => session === child.session && epoch > child.epoch);
  await until(BACK, 'the end of children whose sessions went on elsewhere', async () => {
    const { live } = await census.next();
    return here.some((child) => live.includes(child) && moved(child)) ? undefined : true;
  });
}

function ends404(run: Run, sessions: readonly SessionRecord[]): boolean {
  const names = new Set(sessions.map(({ session }) => session));
  return run
    .failed()
    .filter((call) => names.has(call.session) && call.reason !== 'cluster.owner_lost')
    .every(({ status, reason }) => status === 404 && reason === 'request.session_unknown');
}

/** The child that serves the session now. */
function heirProblems(run: Run, { session, id }: SessionRecord, lost: string): readonly string[] {
  const children = run.stage.census.children.filter((child) => child.root && id.includes(child.session));
  const before = children.find(({ worker }) => worker === lost);
  const heir = children.findLast(({ worker }) => worker !== lost);
  if (heir === undefined) return [`${session} has no new child`];
  return heir.epoch === (before?.epoch ?? 0) + 1 ? [] : [`${session} went from epoch ${before?.epoch} to ${heir.epoch}`];
}

/** A session beside the load, which ends with its scope: the load's books are balanced afterwards. */
export async function aside(url: string, headers: Headers = {}): Promise<Hello & AsyncDisposable> {
  const opened = await hello(url, '2025-11-25', headers);
  return {
    ...opened,
    async [Symbol.asyncDispose]() {
      const answer = await fetch(url, { method: 'DELETE', headers: opened.headers }).catch(() => undefined);
      await answer?.body?.cancel();
    },
  };
}

export interface Probed extends Refusal {
  readonly ms: number;
}

/** One request of a load's session beside the load, at that edge; what the answer says and how long it took. */
async function probe(edge: Unit, { id, server }: SessionRecord, body: Message): Promise<Probed> {
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
  const { ms, value } = await timed(() => post(edge.process.url(server), body, headers, 40_000));
  return { ...refusalOf(value.status, value.text), ms: Math.round(ms) };
}

/** Without NATS each of these edges refuses a call at once, and says that it was not executed. */
export async function assertRefusedAtOnce(edges: readonly Unit[], session: SessionRecord): Promise<void> {
  const took: number[] = [];
  for (let nth = 0; nth < 12; nth++) {
    const { ms, ...refusal } = await probe(edges[nth % edges.length]!, session, toolCall(1, 'echo', { text: 'x' }));
    assert.deepEqual(refusal, { status: 503, reason: 'cluster.unavailable', executed: 'no' });
    took.push(ms);
  }
  took.sort((a, b) => a - b);
  // The machine may be busy with something else at one of them.
  assert.ok(took[6]! <= 100 && took.at(-1)! <= 1_000, `refusals took ${took.join(', ')} ms`);
}

/** Resolves when `/readyz` of that edge says this; rejects after `ms`. */
export async function untilReady(edge: Unit, ready: boolean, ms: number): Promise<void> {
  await until(ms, `${edge.name} to be ${ready ? 'ready' : 'unready'}`, async () => {
    const { status } = await readAnswer(await fetch(`${edge.base}/readyz`));
    return (status === 200) === ready ? true : undefined;
  });
}
