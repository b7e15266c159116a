/**
 * Owns the state of one NATS connection as the rest sees it. The client itself accepts work while it is
 * disconnected, drops it, and lets requests wait for answers that cannot come.
 * Invariants: `live` and `minority` are the state at this moment, not at the last event.
 */
import { CausewayError } from '@causeway/protocol';
import { errors, type NatsConnection, type ServerInfo } from '@nats-io/transport-node';

/** Milliseconds that a lost connection may take to return before an operation is refused. */
export const RECONNECT = 2_000;

export class Link {
  readonly nc: NatsConnection;
  readonly #listeners = new Set<() => void>();
  /** What the server said last, and what follows from it. */
  #info: ServerInfo | undefined;
  #minority = false;
  #silent = false;
  /** Addresses of servers that were known at once, at most. */
  #most = 0;
  /** Since when the log goes on in a minority, by its clock and by ours. */
  #goesOn: { readonly stored: number; readonly at: number } | undefined;

  /** `warn` is told of errors that NATS reports of the connection. */
  constructor(nc: NatsConnection, warn?: (message: string) => void) {
    this.nc = nc;
    void this.#follow(warn);
  }

  /** Whether what is published now is put on the wire. */
  get live(): boolean {
    return !this.closed && (this.nc as unknown as { readonly protocol: { readonly connected: boolean } }).protocol.connected;
  }

  /**
   * Whether the server knows of at most half of the addresses that were ever known: it may be cut off from the other servers.
   * It says so of itself whenever one comes or goes, before anything that it sends afterwards; the client keeps that
   * without a word, and tells of servers only that were not named to it. `false` where servers tell no addresses.
   */
  get minority(): boolean {
    const { info } = this.nc;
    if (info === this.#info || info === undefined) return this.#minority;
    this.#info = info;
    this.#goesOn = undefined;
    const known = info.connect_urls?.length ?? 0;
    this.#most = Math.max(this.#most, known);
    this.#minority = known > 0 && 2 * known <= this.#most;
    return this.#minority;
  }

  /**
   * Something new of a log was seen, `stored` by its clock: most servers agree on that. When it has gone on for `settled` milliseconds
   * while the server knows of so few, these are all that there are: others were taken away, or told more addresses each.
   */
  goesOn(stored: number, settled: number, now = performance.now()): void {
    if (!this.minority) return;
    this.#goesOn ??= { stored, at: now };
    if (stored - this.#goesOn.stored < settled || now - this.#goesOn.at < settled) return;
    this.#most = this.#info?.connect_urls?.length ?? 0;
    this.#minority = false;
  }

  /** The connection was given up last time because no ping was answered: it may have carried nothing for long before. */
  get silent(): boolean {
    return this.#silent;
  }

  /** For good. */
  get closed(): boolean {
    return this.nc.isClosed();
  }

  /** Calls back after every loss, return and end of the connection; returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the connection lives; rejects with `cluster.unavailable` after `ms` milliseconds, or when it is closed. */
  async whenLive(ms: number): Promise<void> {
    if (this.live) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const refuse = (): void => reject(new CausewayError('cluster.unavailable'));
    const timer = setTimeout(refuse, ms);
    const stop = this.onChange(() => {
      if (this.live) resolve();
      else if (this.closed) refuse();
    });
    if (this.closed) refuse();
    await promise.finally(() => {
      clearTimeout(timer);
      stop();
    });
  }

  /** The outcome of `work`, which waits for an answer over this connection; rejects as soon as none can come. */
  async whileLive<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = this.onChange(() => {
      if (!this.live) reject(new errors.RequestError('the connection was lost'));
    });
    return Promise.race([work, promise]).finally(stop);
  }

  async #follow(warn: ((message: string) => void) | undefined): Promise<void> {
    for await (const status of this.nc.status()) {
      const { type } = status;
      if (type === 'staleConnection') this.#silent = true;
      if (type === 'error') warn?.(status.error.message);
      if (type !== 'disconnect' && type !== 'reconnect' && type !== 'close') continue;
      for (const listener of [...this.#listeners]) listener();
      if (type === 'reconnect') this.#silent = false;
    }
  }
}
