/**
 * Owns the steady load: clients that open a session each and do one thing after the other, at any edge, for as long as
 * they are let; a client that lost its session opens another. What they saw is in the evidence.
 */
import { Agent } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';
import { randomFrom, type Random } from '../harness/random.ts';
import type { Headers } from '../harness/speak.ts';
import { within } from '../harness/within.ts';
import type { ClientDeps, LoadClient } from './client.ts';
import { planFor, sleepFor } from './plan.ts';
import { describeCall, Evidence, type SessionRecord } from './records.ts';
import { openSse } from './sse-client.ts';
import { openStreamable } from './streamable-client.ts';

export interface LoadOptions {
  readonly bases: () => readonly string[];
  readonly seed: number;
  /** Clients; see `kindOf` for what they are. */
  readonly clients: number;
  /** API keys that they take turns with; none: they send none. */
  readonly keys?: readonly string[];
  /** Mean milliseconds between two calls of a client. */
  readonly pause?: number;
}

export interface Load extends AsyncDisposable {
  readonly evidence: Evidence;
  /** Sessions that their clients believe to be alive. */
  sessions(): readonly SessionRecord[];
  /** Clients with a call on its way. */
  busy(): ReadonlySet<string>;
  /**
   * Resolves when every client that `among` picks has made a call after `since` which began and ended well; with the
   * time, in milliseconds since then, that the last of them took. Rejects after `ms`, naming who is left.
   */
  served(since: number, ms: number, among?: (client: string) => boolean): Promise<number>;
  /**
   * Makes the next call of those clients a sleep of that many milliseconds; resolves with the nonces once each has been
   * posted. What the fixture's ledger says of them is the caller's to wait for.
   */
  occupy(ms: number, among: (client: string) => boolean): Promise<readonly string[]>;
  /** Makes those clients end their sessions and open others; resolves when all have one. */
  reopen(among: (client: string) => boolean): Promise<void>;
  /** Lets calls in flight come to their end and begins none; resolves when none is left and numbered notifications are in. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends every session; the load is over. */
  close(): Promise<void>;
}

/** What the nth client is: every sixth of HTTP+SSE, every sixth of a server without recovery, every third with a GET stream. */
export function kindOf(nth: number): { readonly server: 'steady' | 'final'; readonly sse: boolean; readonly standing: boolean } {
  return { server: nth % 6 === 1 ? 'final' : 'steady', sse: nth % 6 === 2, standing: nth % 3 === 0 };
}

/** The number of a client, by its name. */
export const numberOf = (client: string): number => Number(client.slice(1));

/** Headers that say who a client is. */
export function identityOf(client: string, keys: readonly string[]): Headers {
  return keys.length === 0 ? {} : { 'x-api-key': keys[numberOf(client) % keys.length]! };
}

export function openLoad(options: LoadOptions): Load {
  const evidence = new Evidence();
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const drivers = Array.from({ length: options.clients }, (_, nth) => new Driver(nth, options, evidence, agent));
  return {
    evidence,
    sessions: () => drivers.flatMap(({ live }) => live ?? []),
    busy: () => new Set(drivers.filter(({ busy }) => busy).map(({ name }) => name)),
    async served(since, ms, among = () => true) {
      const wanted = drivers.filter(({ name }) => among(name));
      const left = new Set(wanted.map(({ name }) => name));
      let last = since;
      const done = evidence.calls.next(
        'calls',
        ({ client, outcome, began, ended, tool }) => {
          if (tool !== 'initialize' && outcome === 'ok' && began >= since && left.delete(client)) last = Math.max(last, ended);
          return left.size === 0;
        },
        ms,
      );
      await done.catch(() => {
        const states = [...left].map((name) => `${name}: ${describeCall(evidence.calls.items.findLast(({ client }) => client === name))}`);
        throw new Error(
          `${left.size} of ${wanted.length} clients were not served within ${ms} ms; last outcomes: ${states.slice(0, 8).join('; ')}`,
        );
      });
      return last - since;
    },
    occupy: (ms, among) =>
      within(40_000, 'clients to be at it', Promise.all(drivers.filter(({ name }) => among(name)).map((driver) => driver.occupy(ms)))),
    async reopen(among) {
      const reopened = drivers.filter(({ name }) => among(name)).map((driver) => driver.reopen());
      await within(60_000, 'clients to have other sessions', Promise.all(reopened));
    },
    async pause() {
      await within(90_000, 'end of the calls in flight', Promise.all(drivers.map((driver) => driver.hold())));
      // Those that do not come are found by the invariants.
      await evidence.allTicks(5_000).catch(() => {});
    },
    resume() {
      for (const driver of drivers) driver.release();
    },
    async close() {
      await within(90_000, 'end of the load', Promise.all(drivers.map((driver) => driver.close())));
      agent.destroy();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

/** One client over all its sessions. */
class Driver {
  readonly name: string;
  busy = false;
  readonly #deps: ClientDeps;
  readonly #random: Random;
  readonly #pause: number;
  readonly #nth: number;
  #client: LoadClient | undefined;
  #sessions = 0;
  #tick = 0;
  #closed = false;
  #occupation: { readonly ms: number; readonly posted: (nonce: string) => void } | undefined;
  #reopened: (() => void) | undefined;
  #held: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;
  readonly #running: Promise<void>;

  constructor(nth: number, { bases, seed, keys = [], pause = 350 }: LoadOptions, evidence: Evidence, agent: Agent) {
    this.name = `c${nth}`;
    this.#nth = nth;
    this.#random = randomFrom(seed * 1_009 + nth);
    this.#pause = pause;
    const { server } = kindOf(nth);
    this.#deps = { agent, bases, random: this.#random, evidence, server, client: this.name, identity: identityOf(this.name, keys) };
    this.#running = this.#run();
  }

  get live(): SessionRecord | undefined {
    const record = this.#client?.record;
    return record?.ended === undefined ? record : undefined;
  }

  /** Resolves with the nonce of the call. */
  occupy(ms: number): Promise<string> {
    return new Promise((resolve) => (this.#occupation = { ms, posted: resolve }));
  }

  reopen(): Promise<void> {
    return new Promise((resolve) => (this.#reopened = resolve));
  }

  /** Resolves when nothing of it is in flight; it goes on after `release`. */
  async hold(): Promise<void> {
    this.#held ??= Promise.withResolvers();
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.release();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const reopened = this.#reopened;
      if (this.live === undefined || reopened !== undefined) {
        await this.#open();
        if (this.live !== undefined) reopened?.();
        if (this.#reopened === reopened && this.live !== undefined) this.#reopened = undefined;
      } else {
        this.busy = true;
        const { session, standing, transport } = this.live;
        const hears = standing || transport === 'sse';
        const occupation = this.#occupation;
        this.#occupation = undefined;
        if (occupation !== undefined) await this.#client!.call(sleepFor(session, occupation.ms), occupation.posted);
        else await this.#client!.call(planFor(session, this.#random, hears ? ++this.#tick : undefined));
        this.busy = false;
      }
      if (this.#held === undefined) await after(this.#random(2 * this.#pause));
      if (this.#held !== undefined) {
        this.#idle?.resolve();
        this.#idle = undefined;
        await this.#held.promise;
      }
    }
    await this.#client?.close();
  }

  async #open(): Promise<void> {
    await this.#client?.close();
    const session = `${this.name}-${++this.#sessions}`;
    const { sse, standing } = kindOf(this.#nth);
    const { client } = sse ? await openSse(this.#deps, session) : await openStreamable(this.#deps, session, standing);
    this.#client = client;
  }
}
