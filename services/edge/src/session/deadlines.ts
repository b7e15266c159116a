/**
 * Owns the deadlines of calls whose answers are to come on a stream of 2024-11-05, for as long as there is no bus: each
 * was posted to any edge, and only the one that has the stream can tell the client.
 *
 * Invariants: while there is a bus the owner speaks for itself; a call that was told its end here is told no other; what
 * is kept is bounded by the calls that a session may have in flight.
 */
import type { PendingHead, ServerHead } from '@causeway/cluster';
import { CausewayError, errorResponse } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';

/** Milliseconds by which the owner may be later than it said. */
const SLACK = 5_000;
/** Calls of one stream that are kept; further ones are left to their owner. */
const MOST = 1_024;

export class Deadlines {
  readonly #edge: EdgeContext;
  readonly #tell: (error: Buffer) => void;
  /** Calls that are not answered, and how to stop waiting. */
  readonly #pending = new Map<number, () => void>();
  /** Told their end here; the owner may not know it. */
  readonly #over = new Set<number>();

  constructor(edge: EdgeContext, tell: (error: Buffer) => void) {
    this.#edge = edge;
    this.#tell = tell;
  }

  hear({ call, id, due }: PendingHead): void {
    if (id === undefined || due === undefined) return this.#forget(call);
    if (this.#pending.size >= MOST || this.#pending.has(call)) return;
    const wait = (ms: number): void =>
      void this.#pending.set(
        call,
        this.#edge.wheel.after(ms, () => this.#late(call, id, wait)),
      );
    wait(due + SLACK);
  }

  /** Whether the client is to have it: not the answer to a call that it was told the end of. */
  passes({ call }: ServerHead): boolean {
    if (call === undefined) return true;
    this.#forget(call);
    return !this.#over.delete(call);
  }

  /** The stream is over. */
  end(): void {
    for (const cancel of this.#pending.values()) cancel();
    this.#pending.clear();
  }

  #late(call: number, id: string, wait: (ms: number) => void): void {
    // Its owner has said so, and it is on its way; or the loss of the bus is not known yet.
    if (this.#edge.cluster.bus.status === 'connected') return wait(SLACK);
    this.#pending.delete(call);
    this.#over.add(call);
    const error = new CausewayError('server.deadline');
    this.#edge.log.info({ ref: error.ref, reason: error.reason }, 'call failed');
    this.#tell(errorResponse(id, error));
  }

  #forget(call: number): void {
    this.#pending.get(call)?.();
    this.#pending.delete(call);
  }
}
