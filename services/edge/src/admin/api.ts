/**
 * Owns the routes of the admin API: which method and path ask what. Who may ask was decided before (`http/admin.ts`).
 * Invariant: every answer is one JSON object; every refusal is a CausewayError of the table.
 */
import { CausewayError } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { describeCluster } from './cluster.ts';
import { listLimits } from './limits.ts';
import { endSession, findSession, listSessions } from './sessions.ts';
import { describeWorker, listServers, listWorkers, standWorker } from './workers.ts';

export interface AdminQuestion {
  readonly method: string;
  /** Not decoded: names and ids need no escaping. */
  readonly path: string;
  readonly query: URLSearchParams;
}

type Answer = (edge: EdgeContext, asked: { readonly id: string; readonly query: URLSearchParams }) => object | Promise<object>;

/** Sessions that are listed when nobody says, and at most. */
const LISTED = 1_000;
const MOST = 10_000;

const ROOT = '/api/v1/';

const ROUTES: readonly (readonly [method: string, path: RegExp, answer: Answer])[] = [
  ['GET', /^sessions$/, (edge, { query }) => listSessions(edge, sessionsQuestion(query))],
  ['GET', /^sessions\/([\w-]{1,22})$/, (edge, { id }) => findSession(edge, id)],
  ['DELETE', /^sessions\/([\w-]{1,22})$/, (edge, { id }) => endSession(edge, id)],
  ['GET', /^workers$/, (edge) => ({ workers: listWorkers(edge), bus: edge.cluster.bus.status })],
  ['GET', /^workers\/([0-9A-Za-z]{1,12})$/, (edge, { id }) => describeWorker(edge, id)],
  ['POST', /^workers\/([0-9A-Za-z]{1,12})\/drain$/, (edge, { id }) => standWorker(edge, id, 'drain')],
  ['POST', /^workers\/([0-9A-Za-z]{1,12})\/resume$/, (edge, { id }) => standWorker(edge, id, 'resume')],
  ['GET', /^servers$/, (edge) => ({ servers: listServers(edge), bus: edge.cluster.bus.status })],
  ['GET', /^limits$/, (edge) => ({ limits: listLimits([...edge.cluster.ledger.workers().values()]), bus: edge.cluster.bus.status })],
  ['GET', /^cluster$/, (edge) => describeCluster(edge)],
];

/** Rejects with CausewayError: `request.path`, `request.method`, and what the question itself comes to. */
export async function answerAdmin(edge: EdgeContext, { method, path, query }: AdminQuestion): Promise<object> {
  const found = ROUTES.filter(([, pattern]) => pattern.test(below(path)));
  if (found.length === 0) throw unknownPath(below(path));
  const [, pattern, answer] = found.find(([verb]) => verb === method) ?? [];
  if (!pattern || !answer) throw new CausewayError('request.method');
  return answer(edge, { id: pattern.exec(below(path))![1] ?? '', query });
}

/** The methods that a path takes, for a 405. */
export function allowedMethods(path: string): string {
  return ROUTES.filter(([, pattern]) => pattern.test(below(path)))
    .map(([method]) => method)
    .join(', ');
}

function below(path: string): string {
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : '';
}

/** An id that cannot be one is an id that is not known. */
function unknownPath(path: string): CausewayError {
  if (/^sessions\/[^/]+$/.test(path)) return new CausewayError('request.session_unknown');
  if (/^workers\/[^/]+(?:\/(?:drain|resume))?$/.test(path)) return new CausewayError('request.worker_unknown');
  return new CausewayError('request.path', { message: 'Nothing is served here. The admin API is at /api/v1.' });
}

function sessionsQuestion(query: URLSearchParams): { readonly server?: string; readonly limit: number } {
  const [server, limit] = [query.get('server'), query.get('limit')];
  if (limit !== null && !(/^\d{1,5}$/.test(limit) && Number(limit) <= MOST))
    throw new CausewayError('request.invalid', { message: `Invalid Request: limit is a whole number up to ${MOST}.` });
  return { limit: limit === null ? LISTED : Number(limit), ...(server === null ? {} : { server }) };
}
