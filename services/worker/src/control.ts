/**
 * Owns what operators ask of this worker as a whole, on its `ctl` subject: which sessions it holds, the end of one of
 * them, to take no new ones and to take them again.
 *
 * Invariants: every question has one answer; "ended" is said when nothing of the session is left; a worker that shuts
 * down is not called back to work; what runs here is told without commands, environments and credentials.
 */
import {
  Envelope,
  envelopeOf,
  offer,
  verdictOf,
  type AskHead,
  type Bus,
  type BusMessage,
  type SessionsAnswer,
  type StandingAnswer,
} from '@causeway/cluster';
import { asCausewayError, CausewayError } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { Session } from './session/session.ts';

export interface ControlDeps {
  readonly bus: Bus;
  readonly capacity: Capacity;
  readonly log: Log;
  /** Tells the cluster whether new sessions are taken. */
  readonly draining: (draining: boolean) => void;
}

/** Sessions that one answer holds at most. */
const MOST = 10_000;

/** Handles one message of the subject. */
export function createControl(deps: ControlDeps): (message: BusMessage) => void {
  return (message) => {
    const { kind, reply } = message;
    if (kind !== 'data' || reply === undefined) return;
    const head = envelopeOf<AskHead>(message)?.head;
    if (!head) return deps.log.warn({ reason: 'request.malformed' }, 'control message without an envelope dropped');
    answer(deps, head).then(
      (body) => send(deps, reply, new Envelope({ t: 'ok' }, Buffer.from(JSON.stringify(body)))),
      (error: unknown) => {
        if (!(error instanceof CausewayError)) deps.log.error({ err: error }, 'control message not handled');
        send(deps, reply, new Envelope(verdictOf(asCausewayError(error))));
      },
    );
  };
}

async function answer(deps: ControlDeps, head: AskHead): Promise<object> {
  const { capacity } = deps;
  switch (head.t) {
    case 'list':
      return listed(capacity.sessions, ({ server }) => head.server === undefined || server === head.server, head.limit);
    case 'describe':
      return listed(capacity.sessions, ({ id }) => id.startsWith(head.session));
    case 'end':
      return end(deps, head.session);
    case 'drain':
    case 'resume':
      return stand(deps, head.t === 'drain');
    default:
      // A newer edge may know more.
      throw new CausewayError('request.invalid', { message: 'This worker does not know the question.' });
  }
}

type Description = ReturnType<Session['describe']>;

function listed(sessions: readonly Session[], wanted: (session: Description) => boolean, limit = MOST): SessionsAnswer {
  const found = sessions.map((session) => session.describe()).filter(wanted);
  return {
    // They are held in the order of their opening.
    sessions: found.toReversed().slice(0, Math.min(limit, MOST)),
    total: found.length,
    process: { pid: process.pid, uptimeMs: Math.round(process.uptime() * 1000), rssBytes: process.memoryUsage.rss() },
  };
}

async function end({ capacity, log }: ControlDeps, token: Extract<AskHead, { t: 'end' }>['session']): Promise<object> {
  const session = capacity.find(token);
  if (!session) throw new CausewayError('request.session_unknown');
  log.info({ session: token }, 'operator ends a session');
  session.close('killed');
  await session.ended;
  return {};
}

function stand({ capacity, log, draining }: ControlDeps, drain: boolean): StandingAnswer {
  if (capacity.draining || capacity.leaving) throw new CausewayError('cluster.draining');
  if (capacity.paused !== drain) {
    capacity.paused = drain;
    draining(drain);
    log.info({}, drain ? 'operator drains this worker' : 'operator resumes this worker');
  }
  return { draining: drain, sessions: capacity.sessions.length };
}

function send({ bus, log }: ControlDeps, to: string, answer: Envelope): void {
  if (!offer(() => bus.publish(to, answer))) log.debug({}, 'answer to an operator not sent');
}
