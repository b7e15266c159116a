/**
 * Owns the bus contract: how edges and workers talk. Two implementations, `memory/bus.ts` and
 * `nats/bus.ts`, pass one public suite (`contract/bus.ts`); a third party's may too.
 *
 * Guarantees:
 *  1. Order: messages of one sender on one subject arrive in the order of publishing, large ones included.
 *  2. At most once: a message is delivered once or not at all, never twice.
 *  3. No void: `publish` throws while the bus is not connected; a message that carries a reply address
 *     to which its sender subscribes, and that reaches no subscriber, is answered there with
 *     `kind: 'undelivered'`. Silence means that it was delivered, or that the connection failed meanwhile.
 *  4. Size: anything up to `maxMessageBytes` is delivered whole (large ones travel in parts, within a
 *     window for each process that receives, and do not hold up other subjects); anything above it throws `too_large` at the sender. A receiver
 *     that takes in less is told of it (`kind: 'too_large'`), for its sender learns only that nobody took it.
 *  5. Definite: a request ends in a message, or in a BusError before its deadline plus one second.
 * Bytes handed to the bus, and bytes it hands out, are never modified afterwards by either side.
 */

import type { Envelope } from './envelope.ts';

export type BusFailure =
  /** Nobody subscribes to the subject: the message was certainly not delivered. */
  | 'no_responders'
  /** The deadline passed; the message may have been delivered. */
  | 'timeout'
  /** Not connected: nothing was sent. */
  | 'disconnected'
  /** Above `maxMessageBytes`: nothing was sent. */
  | 'too_large'
  /** More than may wait behind large messages: nothing was sent. */
  | 'crowded'
  /** The bus was closed, or the caller's signal fired. */
  | 'aborted';

export class BusError extends Error {
  readonly failure: BusFailure;
  constructor(failure: BusFailure, subject: string, cause?: unknown) {
    super(`bus: ${failure} (${subject})`, cause === undefined ? undefined : { cause });
    this.name = 'BusError';
    this.failure = failure;
  }
}

/** Runs what hands something to the bus; `false`: the bus did not take it. Anything thrown but BusError passes. */
export function offer(send: () => void): boolean {
  try {
    send();
    return true;
  } catch (error) {
    if (error instanceof BusError) return false;
    throw error;
  }
}

export interface BusMessage {
  /**
   * `undelivered`: the bus's own word that the message which named this reply address reached nobody; `too_large`: one to this
   * subject was above what is taken in here; `crowded`: there was no room for it beside others. All without data; the sender of
   * the last two has the bus's word that nobody took it.
   */
  readonly kind: 'data' | 'undelivered' | 'too_large' | 'crowded';
  readonly subject: string;
  /** Where an answer may be published; `undefined` if none is wanted. */
  readonly reply: string | undefined;
  /** May be a view into a larger buffer: copy what is kept for long. */
  readonly data: Buffer;
  /** Where it came from this process as an envelope: that, and `data` is made of it when asked for (`envelopeOf`). */
  readonly envelope?: Envelope | undefined;
}

export interface Subscription {
  /** Stops delivery at once; idempotent. */
  unsubscribe(): void;
}

export interface RequestOptions {
  /** Milliseconds until the request fails with `timeout`. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

export type BusStatus = 'connected' | 'disconnected' | 'closed';

/** `silent`: the connection was given up because nothing was heard on it, and may have carried nothing for long. */
export type StatusListener = (status: BusStatus, silent?: boolean) => void;

export interface Bus extends AsyncDisposable {
  readonly status: BusStatus;
  /** Sends and forgets; throws `BusError` (`disconnected`, `too_large`, `crowded`, `aborted`). Leaves within a few turns of the event loop. */
  publish(subject: string, data: Uint8Array | Envelope, reply?: string): void;
  /** Resolves once nothing waits that was published: it has left, or will not. Large messages leave as whoever they are for takes them. */
  flushed(): Promise<void>;
  /** One answer from one subscriber; rejects with `BusError`. */
  request(subject: string, data: Uint8Array | Envelope, options: RequestOptions): Promise<BusMessage>;
  /**
   * Calls `listener` synchronously, in order, for each message on `subject`; `*` stands for one token and a
   * final `>` for one or more; messages to `Subjects.workerAll` and `edgeAll` are heard there alone, since they may
   * travel together. A listener must not throw. Resolves once the bus routes the subject here;
   * servers of a NATS cluster to which this process is not connected learn it a moment later. A connection that is lost is
   * waited for a moment; without one it rejects with CausewayError `cluster.unavailable`.
   */
  subscribe(subject: string, listener: (message: BusMessage) => void): Promise<Subscription>;
  /** Calls back on every change of `status`; returns the way to stop. */
  onStatus(listener: StatusListener): () => void;
}

export interface BusLimits {
  /** Largest message, in bytes. Default 32 MiB. */
  readonly maxMessageBytes: number;
  /** Above this a message travels in parts, in bytes. Default 256 KiB. */
  readonly partBytes: number;
  /** Parts on their way to one process without an acknowledgement, those of all messages together. Default 8. */
  readonly partWindow: number;
}

export const BUS_LIMITS: BusLimits = { maxMessageBytes: 32 * 1024 * 1024, partBytes: 256 * 1024, partWindow: 8 };
