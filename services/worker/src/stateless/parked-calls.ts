/**
 * Owns the calls of this worker that wait for their clients to answer what a server has asked.
 *
 * Invariants: a call that waits is taken up once, whatever comes twice, for its name is good for one round; it waits
 * for a bounded time; there is a bound on their number, over all and for each identity.
 */
import { randomBytes } from 'node:crypto';
import type { ServerConfig } from '@causeway/config';
import type { Identity } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { StatelessRequest } from './request.ts';

/** Calls that wait at one worker, and of one identity. */
const MOST = 1_024;
const MOST_OF_ONE = 256;

export interface ParkedCall {
  readonly identity: Identity;
  /** The client's latest request of this call. */
  readonly request: StatelessRequest;
  /** Its client has come back with this request. */
  resume(request: StatelessRequest): void;
  /** Its client did not come back in time. */
  expire(): void;
}

export class ParkedCalls {
  readonly #wheel: Wheel;
  readonly #calls = new Map<string, { readonly call: ParkedCall; readonly cancel: () => void }>();
  /** Who wants to know when one is taken. */
  #taken: (() => void)[] = [];

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  /** Resolves when none waits any more. */
  async empty(): Promise<void> {
    while (this.#calls.size > 0) await new Promise<void>((resolve) => this.#taken.push(resolve));
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The name under which the call is found for `patience` milliseconds; `undefined`: too many wait already. */
  add(call: ParkedCall, patience: number): string | undefined {
    const own = [...this.#calls.values()].filter((one) => one.call.identity === call.identity).length;
    if (this.#calls.size >= MOST || own >= MOST_OF_ONE) return undefined;
    const name = randomBytes(12).toString('base64url');
    const cancel = this.#wheel.after(patience, () => this.take(name)?.expire());
    this.#calls.set(name, { call, cancel });
    return name;
  }

  /** It goes on waiting. */
  find(name: string): ParkedCall | undefined {
    return this.#calls.get(name)?.call;
  }

  /** How the server of that name is defined for the call: that goes on though the server is served no more. */
  serverOf(name: string | undefined, server: string): ServerConfig | undefined {
    const defined = name === undefined ? undefined : this.find(name)?.request.server;
    return defined?.name === server ? defined : undefined;
  }

  /** Takes it out: whoever asks for the same name later finds nothing. */
  take(name: string): ParkedCall | undefined {
    const found = this.#calls.get(name);
    found?.cancel();
    this.#calls.delete(name);
    for (const told of this.#taken.splice(0)) told();
    return found?.call;
  }

  /** Those that wait, taken out. */
  takeAll(): readonly ParkedCall[] {
    return [...this.#calls.keys()].map((name) => this.take(name)!);
  }
}
