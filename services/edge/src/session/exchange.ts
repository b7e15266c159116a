/**
 * Owns one exchange: a stream of answers from one worker that this edge waits for, and how far it has come. What becomes
 * of it is exchanges.ts's.
 */
import type { DownHead, UpHead, VerdictHead } from '@causeway/cluster';
import type { Identity, WorkerId } from '@causeway/protocol';

/** Why an exchange is over before its answer. */
export type Loss = 'deadline' | 'owner' | 'edge';

export interface Listener {
  /** Something from the worker. */
  receive(head: DownHead, body: Buffer): void;
  /** The last message sent reached nobody. */
  undelivered(): void;
  /** The bus finds nobody at the owner, who will hardly come back. */
  missing?(): void;
  /** The deadline passed, the worker is gone, or this edge goes; the exchange is over. */
  lost(why: Loss): void;
}

export interface Exchange {
  /** Name of the stream; unique in the cluster, safe in subjects and event ids. */
  readonly name: string;
  /** Address of the answers. */
  readonly to: string;
  /** Position of the last frame of the stream that it follows, 0 before the first. */
  readonly heard: number;
  /** What was sent was sent once more: there may be two words about it. */
  readonly repeated: boolean;
  /** The worker that was sent to is not to be waited for any more: another will be. */
  unbind(): void;
  /** Does it a moment later, unless the exchange is over by then. */
  later(fn: () => void): void;
  /** Sends a message that names this exchange as its reply address. Throws BusError. */
  send(worker: WorkerId, subject: string, head: UpHead, body?: Buffer): void;
  /**
   * Sends what was sent once more, should a connection on its way be lost before a word came: its owner takes it once.
   * `certain`: whoever has taken it never says no to it, so that a no is one to both.
   */
  repeat(again: () => void, certain?: boolean): void;
  /** The stream that it receives, from the frame after `after` on: from here it survives a moment without the bus. */
  follow(stream: Followed): void;
  /** Nothing is expected any more; idempotent. */
  end(): void;
}

/** A stream of a worker and how far it was received. */
export interface Followed {
  readonly owner: WorkerId;
  /** Where the owner takes words about it. */
  readonly control: string;
  readonly identity: Identity;
  readonly stream: string;
  /** `undefined`: all of it, and it may have to be begun. */
  readonly after: number | undefined;
}

/** Whether a stream's name was given by an edge to one that is listened to, not to a call. */
export const isListening = (stream: string): boolean => stream[12] === LISTENING;
export const LISTENING = '-';
export const CALLING = '_';

interface Position {
  readonly stream: Followed;
  /** The last frame that was passed on. */
  seq: number;
  /** The rest was asked for, and the worker has not said yes or no. */
  asking: boolean;
}

/** What all exchanges of an edge have in common. */
export interface ExchangePorts {
  /** `owner` is the worker that it waits for from now on. */
  bind(exchange: RunningExchange, owner: WorkerId | undefined): void;
  later(exchange: RunningExchange, fn: () => void): void;
  publish(exchange: RunningExchange, worker: WorkerId, subject: string, head: UpHead, body: Buffer | undefined): void;
  remove(exchange: RunningExchange): void;
}

export interface NewExchange {
  readonly name: string;
  readonly to: string;
  readonly listener: Listener;
  /** Somebody waits for an answer, not for whatever may come. */
  readonly call: boolean;
}

/** One that runs, as `exchanges.ts` sees it. */
export class RunningExchange implements Exchange {
  readonly name: string;
  readonly to: string;
  readonly listener: Listener;
  readonly call: boolean;
  readonly #ports: ExchangePorts;
  owner: WorkerId | undefined;
  /** The worker has said something that was passed on. */
  spoken = false;
  /** It was sent once more: a no may mean that whoever had taken it is gone. */
  repeated = false;
  certain = false;
  again: (() => void) | undefined;
  position: Position | undefined;
  cancelDeadline: (() => void) | undefined;
  /** Stops asking again. */
  cancelAgain: (() => void) | undefined;

  constructor(ports: ExchangePorts, { name, to, listener, call }: NewExchange) {
    this.#ports = ports;
    this.name = name;
    this.to = to;
    this.listener = listener;
    this.call = call;
  }

  get heard(): number {
    return this.position?.seq ?? 0;
  }

  unbind(): void {
    this.#ports.bind(this, undefined);
    this.cancelAgain?.();
    this.again = undefined;
    this.position = undefined;
    this.spoken = false;
    this.repeated = false;
  }

  later(fn: () => void): void {
    this.#ports.later(this, fn);
  }

  send(worker: WorkerId, subject: string, head: UpHead, body?: Buffer): void {
    this.#ports.bind(this, worker);
    this.#ports.publish(this, worker, subject, head, body);
  }

  repeat(again: () => void, certain = false): void {
    this.again = again;
    this.certain = certain;
  }

  follow(stream: Followed): void {
    this.#ports.bind(this, stream.owner);
    this.position = { stream, seq: stream.after ?? 0, asking: false };
  }

  end(): void {
    this.#ports.remove(this);
  }
}

/**
 * Whether a no to the question for the rest of a stream may mean that it was never begun. Of a call only that its
 * session does not know it: one that has ended or moved meanwhile may have run it, and its answer been lost.
 */
export function mayBeNew({ call, spoken }: RunningExchange, { reason }: VerdictHead): boolean {
  return !spoken && (!call || reason === 'request.event_id');
}
