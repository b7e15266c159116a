/**
 * Owns what the edge of a stream of 2024-11-05 knows of the calls whose answers are to come on it, each of which was posted
 * to any edge: how long they take, and their deadlines for as long as there is no bus, when nobody else can tell the client.
 *
 * Invariants: while there is a bus the owner speaks for itself; a call that was told its end here is told no other; what
 * is kept is bounded by the calls that a session may have in flight.
 */
import type { PendingHead, ServerHead } from '@causeway/cluster';
import { CausewayError, errorResponse, isReason, methodLabel } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';

/** Milliseconds by which the owner may be later than it said. */
const SLACK = 5_000;
/** Calls of one stream that are kept; further ones are left to their owner. */
const MOST = 1_024;

interface Pending {
  /** The client's own, raw JSON. */
  readonly id: string;
  readonly method: string;
  /** The moment at which it was heard of, in the clock's monotonic milliseconds. */
  readonly begun: number;
  /** Stops waiting. */
  cancel: () => void;
}

export class StreamCalls {
  readonly #edge: EdgeContext;
  readonly #server: string;
  readonly #tell: (error: Buffer) => void;
  /** Calls that are not answered. */
  readonly #pending = new Map<number, Pending>();
  /** Told their end here; the owner may not know it. */
  readonly #over = new Set<number>();

  constructor(edge: EdgeContext, server: string, tell: (error: Buffer) => void) {
    this.#edge = edge;
    this.#server = server;
    this.#tell = tell;
  }

  hear({ call, id, due, method }: PendingHead): void {
    if (id === undefined || due === undefined) return this.#forget(call, 'cancelled');
    if (this.#pending.size >= MOST || this.#pending.has(call)) return;
    const pending: Pending = { id, method: methodLabel(method), begun: this.#edge.clock.monotonic(), cancel: () => undefined };
    this.#pending.set(call, pending);
    this.#wait(call, pending, due + SLACK);
  }

  /** Whether the client is to have it: not the answer to a call that it was told the end of. */
  passes({ call, failed }: ServerHead): boolean {
    if (call === undefined) return true;
    this.#forget(call, failed);
    if (this.#over.delete(call)) return false;
    if (isReason(failed)) this.#edge.told.count(failed);
    return true;
  }

  /** The stream is over, and with it what was to come on it. */
  end(failed: 'client_left' | 'cluster.owner_lost'): void {
    for (const call of [...this.#pending.keys()]) this.#forget(call, failed);
  }

  #wait(call: number, pending: Pending, ms: number): void {
    pending.cancel = this.#edge.wheel.after(ms, () => this.#late(call, pending));
  }

  #late(call: number, pending: Pending): void {
    // Its owner has said so, and it is on its way; or the loss of the bus is not known yet.
    if (this.#edge.cluster.bus.status === 'connected') return this.#wait(call, pending, SLACK);
    const error = new CausewayError('server.deadline');
    this.#forget(call, error.reason);
    this.#over.add(call);
    this.#edge.told.count(error.reason);
    this.#edge.log.info({ ref: error.ref, reason: error.reason }, 'call failed');
    this.#tell(errorResponse(pending.id, error));
  }

  /** `failed`: as figures name it. */
  #forget(call: number, failed: string | undefined): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    pending.cancel();
    this.#pending.delete(call);
    const { clock, durations } = this.#edge;
    durations.record(this.#server, pending.method, failed, clock.monotonic() - pending.begun);
  }
}
