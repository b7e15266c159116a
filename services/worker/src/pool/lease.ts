/**
 * Owns the words about the use of a pooled child, whom it may serve, and what its pool sees of it.
 */
import type { ServerConfig } from '@causeway/config';
import type { Identity } from '@causeway/protocol';
import { Chain, type Link } from '@causeway/runtime';
import type { Era, PooledProcess } from './pooled-process.ts';
import type { StartedProcess } from './start-process.ts';

/** Whose children a pool has. */
export interface PoolOrder {
  readonly server: ServerConfig;
  readonly era: Era;
  readonly share: Identity | undefined;
}

/** A child has one use, and serves nobody after it. */
export const servesOnce = ({ server }: PoolOrder): boolean => server.sharing === 'per-request';

/** Every use holds its child alone. With a handshake nothing else tells whose logs and questions they are. */
export const servesOne = (order: PoolOrder): boolean => order.era === 'legacy' || servesOnce(order);

/** How a use went: whether the child is as it was before. */
export type Outcome = 'sound' | 'doubtful';

export interface Lease {
  readonly process: PooledProcess;
  /** As it was wished. */
  readonly lasts: boolean;
  /** The use is over. Idempotent. */
  end(outcome: Outcome): void;
}

export interface LeaseWish {
  /** Nobody else may use it meanwhile. */
  readonly exclusive: boolean;
  /** The one of this name, while it is there. */
  readonly prefer?: string | undefined;
  /** It has no end of its own, as a subscription. */
  readonly lasts?: boolean;
}

/** A child as its pool sees it. */
export interface Member {
  readonly process: PooledProcess;
  readonly stop: StartedProcess['stop'];
  readonly leases: Chain<Lease>;
  exclusive: boolean;
  parked: boolean;
  /** A use of it went doubtfully: it serves those that use it, and nobody after them. */
  retired: boolean;
  /** Its place among the idle ones of its pool, while it is there. */
  idle: Link<Member> | undefined;
  idleSince: number;
  cancelIdle: () => void;
}

/** One that nobody has used yet; `now`: monotonic milliseconds. */
export const memberOf = (started: StartedProcess, now: number): Member => ({
  ...started,
  leases: new Chain(),
  exclusive: false,
  parked: false,
  retired: false,
  idle: undefined,
  idleSince: now,
  cancelIdle: () => undefined,
});

export const isIdle = ({ leases }: Member): boolean => leases.size === 0;

/** Whether it becomes free for such a wish, or its place does, without its clients' doing. */
export function comesFree({ leases, parked, retired }: Member, { exclusive }: LeaseWish): boolean {
  if (parked) return false;
  return !(exclusive || retired) || [...leases].every(({ lasts }) => !lasts);
}
