/**
 * Owns the worker's door to the bus: every message addressed to this worker comes in here and is handed
 * to the session that it names, or begins one.
 *
 * Invariants: bytes that are no envelope of ours are counted and dropped, never trusted; a message for a
 * session that is not here, or not under that epoch, is answered so at once; a request that was held up on its way is
 * refused, for nobody waits for it any more, or soon will not.
 */
import {
  envelopeOf,
  tail,
  verdictOf,
  type AliveHead,
  type BusMessage,
  type CallHead,
  type ChangedHead,
  type ClaimHead,
  type ClientHead,
  type Cluster,
  type ControlHead,
  type DownHead,
  type OpenHead,
  type UpHead,
} from '@causeway/cluster';
import { asCausewayError, CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { EdgeWatch } from './edges.ts';
import type { Room } from './pool/room.ts';
import type { Session } from './session/session.ts';
import { STALE } from './standstill.ts';
import type { StatelessDoor } from './stateless-door.ts';
import type { Takeover } from './takeover.ts';

export interface IntakeDeps {
  readonly cluster: Cluster;
  readonly worker: WorkerId;
  readonly capacity: Capacity;
  readonly edges: EdgeWatch;
  readonly takeover: Takeover;
  /** Requests that belong to no session. */
  readonly stateless: Pick<StatelessDoor, 'call' | 'control' | 'lost' | 'changed'>;
  readonly room: Pick<Room, 'receive'>;
  readonly log: Log;
  /** Answers an edge, where it asked for an answer. */
  readonly reply: (to: string | undefined, head: DownHead) => void;
  /** How often something that was sent may have been lost: with the connection, or where an edge was not found, counted here. */
  readonly link: { losses: number };
  /** What operators ask of this worker. */
  readonly control: (message: BusMessage) => void;
  /** Told of every message before it is handled. */
  readonly awake: () => void;
  /** Milliseconds for which a message with this stamp may have lain here unread. */
  readonly waited: (stamp: number) => number;
  /** A new session for this opening, not started yet. Throws CausewayError. */
  readonly build: (head: OpenHead) => Session;
}

/** Subscribes; from here on the worker answers. The subscription ends with the returned disposable. */
export async function openIntake(deps: IntakeDeps): Promise<Disposable> {
  const all = deps.cluster.subjects.workerAll(deps.worker);
  const subscription = await deps.cluster.bus.subscribe(all, (message) => {
    try {
      deps.awake();
      if (message.kind === 'crowded') return;
      if (message.kind === 'too_large') return deps.reply(message.reply, verdictOf(tooLarge()));
      receive(deps, tail(message.subject, all), message);
    } catch (error) {
      deps.log.error({ err: error }, 'message of the bus not handled');
      deps.reply(message.reply, verdictOf(new CausewayError('internal')));
    }
  });
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

const tooLarge = (): CausewayError =>
  new CausewayError('request.too_large', { message: 'The request is larger than its worker takes in (streams.maxMessage).' });

/** Areas to which comes back what was sent to an edge. */
const TO_EDGES: ReadonlySet<string> = new Set(['s', 'c', 'edge']);

function receive(deps: IntakeDeps, where: readonly string[], message: BusMessage): void {
  const [area, token, epoch, door, stream, attachment, seq] = where;
  if (message.kind === 'undelivered' && TO_EDGES.has(area ?? '')) deps.link.losses += 1;
  if (area === 's' && token !== undefined) {
    const found = deps.capacity.find(token as SessionToken);
    const session = found?.place.epoch === Number(epoch) ? found : undefined;
    if (door === 'lost') return session?.readers.lost(stream ?? '', Number(attachment), Number(seq));
    if (message.kind === 'undelivered') return;
    if (message.reply !== undefined) deps.edges.heard(message.reply);
    if (!session) return deps.reply(message.reply, verdictOf(new CausewayError('cluster.moved')));
    return dispatch(deps, session, message);
  }
  if (area === 'c') return aboutCall(deps, where, message);
  if (area === 'edge') return deps.edges.lost(token ?? '', Number(epoch));
  if (area === 'room') return deps.room.receive(token, message);
  if (message.kind === 'undelivered') return;
  if (area === 'alive') return alive(deps, message);
  if (area === 'ctl') return deps.control(message);
  if (area === 'open') return begin(deps, message);
  if (area === 'call') return call(deps, message);
  if (area === 'changed') {
    const envelope = envelopeOf<ChangedHead>(message);
    if (envelope?.head.t === 'changed') deps.stateless.changed(envelope.head);
  }
}

/** About the stream of a request without a session. */
function aboutCall({ stateless }: IntakeDeps, [, stream = '', word, attachment, seq]: readonly string[], message: BusMessage): void {
  if (word === 'lost') return stateless.lost(stream, Number(attachment), Number(seq), message.kind === 'data');
  const envelope = message.kind === 'data' ? envelopeOf<ControlHead>(message) : undefined;
  if (envelope) stateless.control(stream, envelope.head, message.reply);
}

function call(deps: IntakeDeps, message: BusMessage): void {
  const { stateless, log } = deps;
  const { reply } = message;
  const envelope = envelopeOf<CallHead>(message);
  if (envelope?.head.t === 'call' && reply !== undefined) {
    if (isStale(deps, envelope.head)) return deps.reply(reply, refusal());
    return stateless.call(envelope.head, envelope.body, reply);
  }
  log.warn({ reason: 'request.malformed' }, 'request without an envelope dropped');
}

/** It was held up: a NATS server stood still, or this process did. */
function isStale({ cluster, waited, worker }: IntakeDeps, { frame, stamp }: ClientHead | CallHead): boolean {
  if (frame.kind !== 'request' || stamp === undefined) return false;
  return Math.max(cluster.ledger.age(worker, stamp), waited(stamp)) >= STALE;
}

const refusal = (): DownHead => verdictOf(new CausewayError('cluster.owner_silent', { retryAfter: 2 }));

/** Whoever asks quietly hears from the bus alone. */
function alive(deps: IntakeDeps, message: BusMessage): void {
  if (envelopeOf<AliveHead>(message)?.head.quiet !== true) deps.reply(message.reply, { t: 'living', losses: deps.link.losses });
}

function dispatch(deps: IntakeDeps, session: Session, message: BusMessage): void {
  const envelope = envelopeOf<UpHead>(message);
  switch (envelope?.head.t) {
    case 'client':
      if (isStale(deps, envelope.head)) return deps.reply(message.reply, refusal());
      return session.client(envelope.head, envelope.body, message.reply);
    case 'attach':
    case 'detach':
    case 'retire':
    case 'credit':
    case 'info':
    case 'close':
      return session.control(envelope.head, message.reply);
    default:
      deps.log.warn({ reason: 'request.malformed' }, 'message without an envelope dropped');
  }
}

function begin(deps: IntakeDeps, message: BusMessage): void {
  const envelope = envelopeOf<OpenHead | ClaimHead>(message);
  const { reply } = message;
  if (envelope === undefined || reply === undefined) {
    deps.log.warn({ reason: 'request.malformed' }, 'open without an envelope dropped');
    return;
  }
  const { head, body } = envelope;
  const refuse = (error: unknown): void => {
    if (!(error instanceof CausewayError)) deps.log.error({ err: error }, 'opening not handled');
    deps.reply(reply, verdictOf(asCausewayError(error)));
  };
  if (head.t !== 'open') {
    deps.takeover.take(head, reply, (answer) => deps.reply(reply, answer)).catch(refuse);
    return;
  }
  try {
    const known = deps.capacity.find(head.session);
    if (known) return again(known, head, reply);
    const past = deps.capacity.pastOf(head.session);
    if (past) throw past;
    deps.capacity.open(head.session, () => deps.build(head)).open(head, body, reply);
  } catch (error) {
    refuse(error);
  }
}

/** Its edge has heard nothing: what was said is said again, what is not said yet will be. Throws how it failed. */
function again(session: Session, { identity, stream }: OpenHead, reply: string): void {
  const attach: ControlHead = { t: 'attach', identity, stream, after: 0 };
  if (session.closing) throw session.aftermath.refusal ?? new CausewayError('cluster.owner_lost');
  if (session.readers.knows(attach)) session.control(attach, reply);
}
