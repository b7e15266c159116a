/**
 * Owns the worker's door to the bus: every message addressed to this worker comes in here and is handed
 * to the session that it names, or opens one.
 *
 * Invariants: bytes that are no envelope of ours are counted and dropped, never trusted; a message for a
 * session that is not here is answered so at once.
 */
import { decode, tail, verdictOf, type BusMessage, type Cluster, type DownHead, type OpenHead, type UpHead } from '@causeway/cluster';
import { CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { EdgeWatch } from './edges.ts';
import type { Session } from './session/session.ts';

export interface IntakeDeps {
  readonly cluster: Cluster;
  readonly worker: WorkerId;
  readonly capacity: Capacity;
  readonly edges: EdgeWatch;
  readonly log: Log;
  /** Answers an edge, where it asked for an answer. */
  readonly reply: (to: string | undefined, head: DownHead) => void;
  /** A new session for this opening, not started yet. Throws CausewayError. */
  readonly build: (head: OpenHead) => Session;
}

/** Subscribes; from here on the worker answers. The subscription ends with the returned disposable. */
export async function openIntake(deps: IntakeDeps): Promise<Disposable> {
  const all = deps.cluster.subjects.workerAll(deps.worker);
  const subscription = await deps.cluster.bus.subscribe(all, (message) => {
    try {
      receive(deps, tail(message.subject, all), message);
    } catch (error) {
      deps.log.error({ err: error }, 'message of the bus not handled');
      deps.reply(message.reply, verdictOf(new CausewayError('internal')));
    }
  });
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

function receive(deps: IntakeDeps, where: readonly string[], message: BusMessage): void {
  const [area, token, door, stream, attachment, seq] = where;
  if (area === 's' && token !== undefined) {
    const session = deps.capacity.find(token as SessionToken);
    if (door === 'lost') return session?.lost(stream ?? '', Number(attachment), Number(seq));
    if (message.kind === 'undelivered') return;
    if (!session) return deps.reply(message.reply, verdictOf(new CausewayError('request.session_unknown')));
    return dispatch(deps, session, message);
  }
  if (area === 'edge') return deps.edges.lost(token ?? '');
  if (area === 'open' && message.kind === 'data') return open(deps, message);
}

function dispatch(deps: IntakeDeps, session: Session, message: BusMessage): void {
  const envelope = decode<UpHead>(message.data);
  if (envelope?.head.t === 'client') session.client(envelope.head, envelope.body, message.reply);
  else if (envelope && envelope.head.t !== 'open') session.control(envelope.head, message.reply);
  else deps.log.warn({ reason: 'request.malformed' }, 'message without an envelope dropped');
}

function open(deps: IntakeDeps, message: BusMessage): void {
  const envelope = decode<OpenHead>(message.data);
  if (envelope?.head.t !== 'open' || message.reply === undefined) {
    deps.log.warn({ reason: 'request.malformed' }, 'open without an envelope dropped');
    return;
  }
  const { head, body } = envelope;
  try {
    const session = deps.capacity.admit(head.session, () => deps.build(head));
    session.open(head, body, message.reply);
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
    deps.reply(message.reply, verdictOf(error));
  }
}
