/**
 * Owns a simulated edge process: the real handlers of the Streamable HTTP endpoint and everything below them, without
 * the listener and its guard. What clients ask of it waits while it stands still, and is reset when it dies.
 */
import { BusError } from '@causeway/cluster';
import type { Member, World } from '@causeway/cluster/simulation';
import {
  asRefusal,
  get,
  message,
  openContext,
  openSse,
  post,
  refuse,
  remove,
  type EdgeContext,
  type Visit,
} from '@causeway/edge/simulation';
import type { EdgeOptions } from '@causeway/edge';
import { ANONYMOUS, CausewayError, type EdgeId } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import { clockOf, openWheel } from './machine.ts';
import { requestWith, Response, type Message, type Received } from './response.ts';

/** What a client asks. */
export interface Asking {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
  /** 2024-11-05: the stream, or a message to the session of this id. */
  readonly sse?: true;
  readonly to?: string;
}

export class SimulatedEdge {
  readonly member: Member;
  readonly wheel: Wheel;
  /** Milliseconds for which it has stood still. */
  #still = 0;
  #stillSince: number | undefined;
  readonly #world: World;
  readonly #open = new Map<Response, () => void>();
  #edge: EdgeContext | undefined;

  constructor(world: World) {
    this.#world = world;
    this.member = world.join();
    this.wheel = openWheel(this.member.time);
  }

  /** `failed`: the process ends before it has begun. */
  start(options: EdgeOptions, log: Log, failed: () => void): void {
    const { member, wheel } = this;
    const stack = new AsyncDisposableStack();
    const { time, cluster } = member;
    const deps = { id: member.id as string as EdgeId, cluster, log, clock: clockOf(time), wheel, random: time.random };
    openContext(stack, deps, options).then(
      (edge) => void (this.#edge = edge),
      (error: unknown) => {
        if (!(error instanceof CausewayError || error instanceof BusError)) throw error;
        this.crash();
        failed();
      },
    );
  }

  get running(): boolean {
    return this.#edge !== undefined && !this.member.crashed;
  }

  get still(): number {
    return this.#still + (this.#stillSince === undefined ? 0 : this.#world.time.now() - this.#stillSince);
  }

  stop(): void {
    if (this.member.crashed) return;
    this.#stillSince ??= this.#world.time.now();
    this.member.stop();
  }

  go(): void {
    this.#still = this.still;
    this.#stillSince = undefined;
    this.member.go();
  }

  /**
   * `ended` is called once, without an answer when the edge is gone, `heard` with each message of a stream. The returned
   * response can be left.
   */
  ask(
    { method, server, headers, body, sse, to }: Asking,
    ended: (received: Received | undefined) => void,
    heard: (message: Message) => void = () => undefined,
  ): Response {
    const response = new Response((received) => {
      this.#open.delete(response);
      ended(received);
    }, heard);
    const reset = (): void => ended(undefined);
    const edge = this.#edge;
    if (edge === undefined || this.member.crashed) {
      this.#world.time.after(1, reset);
      return response;
    }
    this.#open.set(response, reset);
    response.once('close', () => this.#open.delete(response));
    const visit: Visit = { server, base: `/servers/${server}`, identity: ANONYMOUS };
    const [req, res] = [requestWith(headers, `/message?sessionId=${to}`), response.forEdge];
    this.member.act(() => {
      if (response.destroyed) return;
      try {
        if (sse && method === 'GET') openSse(edge, visit, res);
        else if (sse) message(edge, visit, req, res, Buffer.from(JSON.stringify(body)));
        else if (method === 'POST') post(edge, visit, req, res, Buffer.from(JSON.stringify(body)));
        else if (method === 'GET') get(edge, visit, req, res);
        else void remove(edge, visit, req, res).catch((error: unknown) => refuse(res, asRefusal(error).error, { teller: edge }));
      } catch (error) {
        refuse(res, asRefusal(error).error, { teller: edge });
      }
    }, 'message');
    return response;
  }

  /** kill -9: every connection is reset. */
  crash(): void {
    this.member.crash();
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const reset of open) reset();
  }
}
