/**
 * Owns the client's requests that are at a server of the stateless era, or between two rounds of one: the id that each has
 * there at the moment, and what is needed to make it again.
 *
 * Invariants: an id at the server is one call's, and no id is used twice; of what calls were made with, no more is kept
 * than `KEPT` bytes: one beyond that cannot be made again; what comes for a call that is over finds nothing.
 */
import { ASKING_METHODS, echoedAt, numberAt, type Outline, type Span } from '@causeway/protocol';

/** Calls at once, and bytes of what they were made with. */
const MOST = 1_024;
const KEPT = 16 * 1024 * 1024;

export interface OpenCall {
  /** The session's id of it. */
  readonly internal: number;
  readonly method: string;
  /** What it was made with, where it may be made again. */
  readonly made: { readonly bytes: Buffer; readonly message: Outline } | undefined;
  /** Its client wants progress. */
  readonly progress: boolean;
  /** Times that the server has asked for something. */
  rounds: number;
  /** The progress that was told last. */
  told: number;
  /** Its id at the server; none between two rounds. */
  id: number | undefined;
  /** Takes back what is asked of the client, or stops the pause before the next round. */
  withdraw: () => void;
}

export interface NewCall extends Pick<OpenCall, 'internal' | 'method'> {
  readonly id: number;
  readonly bytes: Buffer;
  readonly message: Outline;
}

export class OpenCalls {
  readonly #byId = new Map<number, OpenCall>();
  readonly #byInternal = new Map<number, OpenCall>();
  #kept = 0;

  get full(): boolean {
    return this.#byInternal.size >= MOST;
  }

  begin({ id, internal, method, bytes, message }: NewCall): void {
    const kept = ASKING_METHODS.has(method) && this.#kept + bytes.length <= KEPT;
    if (kept) this.#kept += bytes.length;
    const progress = message.inside.get('params')?.inside.get('_meta')?.of.has('progressToken') === true;
    const made = kept ? { bytes, message } : undefined;
    const call: OpenCall = { internal, method, made, progress, rounds: 0, told: -Infinity, id, withdraw: () => undefined };
    this.#byId.set(id, call);
    this.#byInternal.set(internal, call);
  }

  /** The server has answered this round. */
  rest(call: OpenCall): void {
    if (call.id !== undefined) this.#byId.delete(call.id);
    call.id = undefined;
  }

  /** It is at the server again. */
  again(call: OpenCall, id: number): void {
    call.id = id;
    call.rounds += 1;
    this.#byId.set(id, call);
  }

  end(call: OpenCall): void {
    if (!this.#byInternal.delete(call.internal)) return;
    this.rest(call);
    this.#kept -= call.made?.bytes.length ?? 0;
    call.withdraw();
  }

  /** The call that the server names by this id, or by a token. */
  at(bytes: Buffer, span: Span | undefined): OpenCall | undefined {
    return this.#byId.get(echoedAt(bytes, span));
  }

  /** The call that the session names by this id. */
  of(bytes: Buffer, span: Span | undefined): OpenCall | undefined {
    return this.#byInternal.get(numberAt(bytes, span));
  }

  /** Nothing goes on: what is asked of clients, and what waits for its time. */
  clear(): void {
    for (const { withdraw } of this.#byInternal.values()) withdraw();
    this.#byId.clear();
    this.#byInternal.clear();
    this.#kept = 0;
  }
}
