/**
 * Owns what this edge knows of what servers say of themselves: `server/discover` is answered from here, for a client that
 * is refused it takes the whole bridge for an old one (WIRE §1.7).
 *
 * Invariants: a server is asked by one request at a time; what it said is told for a while after nobody can be asked;
 * it is asked again when the workers that serve it are other ones, or start it otherwise.
 */
import { CausewayError, isReason, membersAt, OWN_META, rawText, readClientBody, requestOf, type Identity } from '@causeway/protocol';
import { rememberAs } from '@causeway/runtime';
import type { EdgeContext } from '../context.ts';
import { StatelessCall } from './stateless-call.ts';

/** Milliseconds for which it is told without asking, and told where nobody can be asked. */
const FRESH = 60_000;
const STALE = 10 * 60_000;
/** Servers that are remembered. */
const MOST = 1_000;

interface Known {
  readonly text: string;
  readonly at: number;
  readonly workers: string;
}

export interface Asker {
  readonly server: string;
  readonly identity: Identity;
  readonly share?: Identity;
}

const QUESTION = requestOf(1, 'server/discover', `{"_meta":${OWN_META}}`);

export class Descriptions {
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<string>>();

  /** Raw JSON text of the result. Rejects with CausewayError where it was never known. */
  async get(edge: EdgeContext, asker: Asker): Promise<string> {
    const { server } = asker;
    const known = this.#known.get(server);
    const now = edge.clock.monotonic();
    const workers = servedBy(edge, server);
    if (known && now - known.at < FRESH && known.workers === workers) return known.text;
    try {
      return await (this.#asking.get(server) ?? this.#ask(edge, asker, workers));
    } catch (error) {
      const served = !(error instanceof CausewayError && error.reason === 'server.unknown');
      if (served && known && now - known.at < STALE) return known.text;
      throw error;
    }
  }

  #ask(edge: EdgeContext, asker: Asker, workers: string): Promise<string> {
    const asking = ask(edge, asker)
      .then((text) => {
        rememberAs(this.#known, asker.server, { text, at: edge.clock.monotonic(), workers }, MOST);
        return text;
      })
      .finally(() => this.#asking.delete(asker.server));
    this.#asking.set(asker.server, asking);
    return asking;
  }
}

function servedBy(edge: EdgeContext, server: string): string {
  const workers = [...edge.cluster.ledger.workers().values()].filter(({ servers }) => Object.hasOwn(servers, server));
  return workers
    .map(({ worker, servers }) => `${worker}/${servers[server]?.edition ?? 0}`)
    .toSorted()
    .join(' ');
}

function ask(edge: EdgeContext, asker: Asker): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const body = readClientBody(QUESTION);
  if (body.kind !== 'single' || !body.frame.claim || !body.frame.params) throw new Error('the question is a request of the stateless era');
  const { frame } = body;
  const deadline = edge.servers.deadline(asker.server, 'start');
  const call = new StatelessCall(
    edge,
    { ...asker, frame, params: body.frame.params, meta: body.frame.claim, deadline },
    {
      message: ({ failed }, bytes) => {
        const result = membersAt(bytes)?.of.get('result');
        if (result) resolve(rawText(bytes, result));
        else reject(isReason(failed) ? new CausewayError(failed) : new Error('server/discover was answered by an error'));
      },
      admitted: () => undefined,
      failed: (error: CausewayError) => reject(error),
      ended: () => reject(new Error('server/discover was not answered')),
    },
  );
  call.ask();
  return promise.finally(() => call.end());
}
