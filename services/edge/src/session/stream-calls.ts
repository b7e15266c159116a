/**
 * Owns what the edge of a stream of 2024-11-05 knows of the calls whose answers are to come on it, each of which was posted
 * to any edge: how long they take, their deadlines for as long as there is no bus, when nobody else can tell the client, and
 * that nothing is known of them when the stream ends without their answers.
 *
 * Invariants: while there is a bus the owner speaks for itself; a call that was told its end here is told no other; what
 * is kept is bounded by the calls that a session may have in flight.
 */
import type { PendingHead, ServerHead } from '@causeway/cluster';
import { CausewayError, errorResponse, isReason, methodLabel } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { lossOf } from './failures.ts';

/** Milliseconds by which the owner may be later than it said. */
const SLACK = 5_000;
/** Calls of one stream that are kept; further ones are left to their owner. */
const MOST = 1_024;

interface Pending {
  /** The client's own, raw JSON. */
  readonly id: string;
  /** Its label: a client may have named any. */
  readonly method: string;
  readonly label: string | undefined;
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

  hear({ call, id, due, method, label }: PendingHead): void {
    if (id === undefined || due === undefined) return this.#forget(call, 'cancelled');
    if (this.#pending.size >= MOST || this.#pending.has(call)) return;
    const begun = this.#edge.clock.monotonic();
    const pending: Pending = { id, method: methodLabel(method), label, begun, cancel: () => undefined };
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

  /** Its client has left, and waits for nothing. */
  left(): void {
    for (const call of [...this.#pending.keys()]) this.#forget(call, 'client_left');
  }

  /** The stream is about to end: clients wait for answers beyond that. An owner that has ended it in order has answered them all. */
  lost(why: 'owner' | 'edge'): void {
    for (const [call, pending] of [...this.#pending]) this.#fail(call, pending, lossOf(why));
  }

  #wait(call: number, pending: Pending, ms: number): void {
    pending.cancel = this.#edge.wheel.after(ms, () => this.#late(call, pending));
  }

  #late(call: number, pending: Pending): void {
    // Its owner has said so, and it is on its way; or the loss of the bus is not known yet.
    if (this.#edge.cluster.bus.status === 'connected') return this.#wait(call, pending, SLACK);
    this.#fail(call, pending, new CausewayError('server.deadline'));
  }

  #fail(call: number, { id }: Pending, error: CausewayError): void {
    const { ref, reason } = error;
    this.#forget(call, reason);
    this.#over.add(call);
    this.#edge.told.count(reason);
    this.#edge.log.info({ ref, reason }, 'call failed');
    this.#tell(errorResponse(id, error));
  }

  /** `failed`: as figures name it. */
  #forget(call: number, failed: string | undefined): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    pending.cancel();
    this.#pending.delete(call);
    this.#edge.durations.record(this.#server, pending.method, failed, pending.begun, pending.label);
  }
}
