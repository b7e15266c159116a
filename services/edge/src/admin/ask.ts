/**
 * Owns asking workers on behalf of an operator.
 * Invariants: every question has a deadline; a worker that does not answer is named, never passed over.
 */
import { BusError, Envelope, envelopeOf, errorOf, type AskHead, type SessionsAnswer, type VerdictHead } from '@causeway/cluster';
import { CausewayError, type WorkerId } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';

/** Milliseconds that a worker may take to say what it knows. */
const ANSWER = 3_000;

/** The JSON of the worker's answer. Rejects with CausewayError: its refusal, `cluster.owner_silent`, `cluster.unavailable`. */
export async function askWorker<T>(edge: EdgeContext, worker: WorkerId, head: AskHead, deadline = ANSWER): Promise<T> {
  const { bus, subjects } = edge.cluster;
  try {
    const answer = await bus.request(subjects.control(worker), new Envelope(head), { deadline });
    const { head: verdict, body } = envelopeOf<VerdictHead>(answer) ?? {};
    if (verdict?.t === 'no') throw errorOf(verdict);
    return JSON.parse(body?.toString() ?? '') as T;
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    if (error.failure !== 'timeout' && error.failure !== 'no_responders') throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
    throw new CausewayError('cluster.owner_silent', { message: `The worker ${worker} did not answer.`, retryAfter: 2 });
  }
}

export interface AllAnswers {
  readonly answers: readonly SessionsAnswer[];
  readonly unanswered: readonly WorkerId[];
}

/** Every worker of the ledger, at the same time. Rejects with `cluster.unavailable` while the bus is not connected. */
export async function askAll(edge: EdgeContext, head: AskHead): Promise<AllAnswers> {
  const workers = [...edge.cluster.ledger.workers().keys()];
  const answers: SessionsAnswer[] = [];
  const unanswered: WorkerId[] = [];
  await Promise.all(
    workers.map(async (worker) => {
      try {
        answers.push(await askWorker<SessionsAnswer>(edge, worker, head));
      } catch (error) {
        if (error instanceof CausewayError && error.reason === 'cluster.unavailable') throw error;
        edge.log.debug({ err: error, owner: worker }, 'worker did not answer an operator');
        unanswered.push(worker);
      }
    }),
  );
  return { answers, unanswered };
}
