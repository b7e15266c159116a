/**
 * Owns the GET stream of one load client: kept up at any edge for as long as the session lives, taken up after its
 * last event, every beginning and end written down.
 */
import type { Headers } from '../harness/speak.ts';
import { Attempts, retryWait } from './attempts.ts';
import type { ClientDeps } from './client.ts';
import type { Hearing } from './hearing.ts';
import type { SessionRecord } from './records.ts';
import { send } from './wire.ts';

/** Milliseconds for which a client tries to have its stream back. */
const PATIENCE = 120_000;

export class Standing implements AsyncDisposable {
  readonly #deps: ClientDeps;
  readonly #record: SessionRecord;
  readonly #headers: Headers;
  readonly #hearing: Hearing;
  readonly #leaving = new AbortController();
  readonly #over: Promise<void>;

  constructor(deps: ClientDeps, record: SessionRecord, headers: Headers, hearing: Hearing) {
    this.#deps = deps;
    this.#record = record;
    this.#headers = headers;
    this.#hearing = hearing;
    this.#over = this.#keep();
  }

  leave(): void {
    this.#leaving.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    await this.#over;
  }

  async #keep(): Promise<void> {
    const { agent, bases, random, evidence } = this.#deps;
    const { session, server } = this.#record;
    const { signal } = this.#leaving;
    const tell = (what: 'attached' | 'ended' | 'refused', status: number) => {
      if (!signal.aborted) evidence.standing.push({ session, at: Date.now(), what, status });
    };
    let last: string | undefined;
    let attempts = new Attempts(bases, random, PATIENCE);
    while (!signal.aborted) {
      const base = await attempts.edge();
      if (base === undefined || signal.aborted) return;
      const connection = evidence.connection();
      const ended = await send({
        ...{ agent, method: 'GET', url: `${base}/servers/${server}/mcp`, signal },
        headers: { accept: 'text/event-stream', ...this.#headers, ...(last === undefined ? {} : { 'last-event-id': last }) },
        onStream: () => {
          tell('attached', 200);
          attempts = new Attempts(bases, random, PATIENCE);
        },
        onEvent: (event) => {
          if (event.id !== undefined) last = event.id;
          this.#hearing.event(event, connection);
        },
      });
      const status = ended.kind === 'answered' ? ended.status : 0;
      tell(status === 200 ? 'ended' : 'refused', status);
      if (status === 404) return;
      // What is no longer kept cannot be taken up: a new stream, and what fell between is lost.
      if (status === 400) {
        last = undefined;
        evidence.ticksOf(session).said.clear();
      }
      if (!(await attempts.again(retryWait(ended) ?? 100))) return;
    }
  }
}
