/**
 * Owns the spares of each server (`warm`): children that are started and that nobody uses yet. Whoever needs a child is
 * given one where there is one, and another is started in its place.
 *
 * Invariants: nobody has spoken to a spare and what it writes is not read until it is taken (spare.ts); a server has at
 * most `warm` of them; they start one after the other, in turn with all other starts; one that ends by itself is replaced
 * with the pauses of a breaker, which is not that of the sessions: a server that does not wait for its client would pause
 * those too; one is taken for the definition that it was started by, and those of a definition that is no longer in force
 * are ended; spares hold no place under the limits; after `close` there is none and none comes.
 */
import type { ServerConfig } from '@causeway/config';
import { CausewayError, type ErrorFacts } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import { createBreaker, type Breaker } from './child/breaker.ts';
import type { Child, ChildListeners } from './child/child.ts';
import type { Definitions } from './definitions.ts';
import { startSpare, type Spare } from './spare.ts';
import type { StartChild } from './starts.ts';

/** Milliseconds between two starts, and before that in place of one that was taken: a child that loads slows down one that serves. */
const PACE = 250;

export interface SparesDeps {
  readonly start: StartChild;
  readonly servers: Pick<Definitions, 'all' | 'inForce'>;
  /** Of children that belong to no session. */
  readonly marks: Set<string>;
  readonly wheel: Wheel;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: Log;
}

export class Spares implements AsyncDisposable {
  readonly #deps: SparesDeps;
  readonly #stocks = new Map<ServerConfig, Stock>();
  /** Stocks that are being ended. */
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(deps: SparesDeps) {
    this.#deps = deps;
  }

  /** A spare, or else a child that is started now. */
  readonly start: StartChild = async (session, server, listeners, signal) => {
    signal?.throwIfAborted();
    return this.#stocks.get(server)?.take(session.token, listeners) ?? this.#deps.start(session, server, listeners, signal);
  };

  /** From here on there are to be spares, of the definitions that are in force now. */
  fill(): void {
    if (this.#closed) return;
    const { servers } = this.#deps;
    for (const [server, stock] of this.#stocks) if (!servers.inForce(server)) this.#end(server, stock);
    for (const server of Object.values(servers.all)) {
      if (server.warm === 0) continue;
      const stock = this.#stocks.get(server) ?? new Stock(this.#deps, server);
      this.#stocks.set(server, stock);
      stock.fill();
    }
  }

  #end(server: ServerConfig, stock: Stock): void {
    this.#stocks.delete(server);
    const closing = stock.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Ends them; resolves when they are gone. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const [server, stock] of this.#stocks) this.#end(server, stock);
    await Promise.all(this.#closing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The spares of one server. */
class Stock {
  readonly #deps: SparesDeps;
  readonly #server: ServerConfig;
  readonly #breaker: Breaker;
  readonly #log: Log;
  readonly #ready = new Set<Spare>();
  readonly #closed = new AbortController();
  #starting: Promise<void> | undefined;
  /** Cancels the next look at what is missing. */
  #next: (() => void) | undefined;

  constructor(deps: SparesDeps, server: ServerConfig) {
    this.#deps = deps;
    this.#server = server;
    this.#breaker = createBreaker(deps);
    this.#log = deps.log.child({ server: server.name });
  }

  take(session: string, listeners: ChildListeners): Child | undefined {
    const [oldest] = this.#ready;
    // Once it is closed they are being ended.
    if (!oldest || this.#closed.signal.aborted) return undefined;
    this.#ready.delete(oldest);
    this.#fillAfter(PACE);
    const child = oldest.give(listeners);
    // Lines of its stderr bear the spare's name as long as it lives.
    this.#log.info({ session, spare: oldest.id.slice(0, 8), pid: child.pid }, 'spare child taken');
    return child;
  }

  /** Starts one if one is missing, and after it the next. */
  fill(): void {
    const { signal } = this.#closed;
    if (signal.aborted || this.#starting || this.#next || this.#ready.size >= this.#server.warm) return;
    this.#starting = this.#add(signal)
      .catch((error: unknown) => this.#failed(error))
      .then((pause) => {
        this.#starting = undefined;
        this.#fillAfter(pause ?? PACE);
      });
  }

  #fillAfter(ms: number): void {
    if (this.#closed.signal.aborted) return;
    this.#next ??= this.#deps.wheel.after(ms, () => {
      this.#next = undefined;
      this.fill();
    });
  }

  async close(): Promise<void> {
    this.#closed.abort(new CausewayError('cluster.draining', { retryAfter: 1 }));
    this.#next?.();
    await this.#starting;
    await Promise.all([...this.#ready].map((spare) => spare.end()));
  }

  async #add(signal: AbortSignal): Promise<undefined> {
    const attempt = this.#breaker.attempt(this.#server.name);
    const lost = (facts: ErrorFacts): void => {
      this.#ready.delete(spare);
      if (signal.aborted) return;
      this.#log.warn(facts, 'spare child ended');
      this.fill();
    };
    const spare = await startSpare({ ...this.#deps, attempt, lost }, this.#server, signal);
    this.#ready.add(spare);
  }

  /** Gives the milliseconds after which it is tried again. */
  #failed(error: unknown): number | undefined {
    if (this.#closed.signal.aborted) return undefined;
    if (!(error instanceof CausewayError)) this.#log.error({ err: error }, 'spare child not started');
    else if (error.reason !== 'server.crash_loop') this.#log.warn({ reason: error.reason, ...error.facts }, 'spare child not started');
    const { retryAfter } = error instanceof CausewayError ? error : {};
    return retryAfter === undefined ? undefined : retryAfter * 1000;
  }
}
