/**
 * Owns what the contract suites need of an implementation: members that meet, each with a network that can
 * be taken away; and the waiting that the suites share. Everything waits on events, within a deadline.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus, BusMessage } from '../bus.ts';

/** One member of a cluster, as a process of its own would be. */
export interface Party<T> {
  readonly part: T;
  /** Takes this member's network away; resolves when the member has noticed. */
  cut(): Promise<void>;
  /** Gives it back; resolves when the member is connected again. */
  heal(): Promise<void>;
  /** Ends the member as a killed process ends: without a word to the others. */
  vanish(): Promise<void>;
}

/** A cluster for one test: nothing in it is seen by another test. */
export interface World<T> extends AsyncDisposable {
  /** First token of every subject that the test uses. */
  readonly prefix: string;
  join(): Promise<Party<T>>;
}

/** Rejects if `work` takes longer than `ms` milliseconds; `what` names it. */
export async function soon<T>(what: string, work: Promise<T>, ms = 10_000): Promise<T> {
  const patience = new AbortController();
  const late = sleep(ms, undefined, { signal: patience.signal }).then(() => {
    throw new Error(`${what}: not within ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    patience.abort();
    late.catch(() => undefined);
  }
}

/** Resolves once `holds()` does, asked now and after every event that `subscribe` reports. */
export async function until(
  what: string,
  subscribe: (listener: () => void) => () => void,
  holds: () => boolean,
  ms = 10_000,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    if (holds()) resolve();
  };
  const stop = subscribe(check);
  check();
  await soon(what, promise, ms).finally(stop);
}

export interface Heard {
  readonly messages: readonly BusMessage[];
  /** Resolves when that many messages have come in all. */
  count(n: number, ms?: number): Promise<void>;
  stop(): void;
}

/** Subscribes and remembers what comes. */
export async function hear(bus: Bus, subject: string, also?: (message: BusMessage) => void): Promise<Heard> {
  const messages: BusMessage[] = [];
  const listeners = new Set<() => void>();
  const subscription = await bus.subscribe(subject, (message) => {
    messages.push(message);
    also?.(message);
    for (const listener of [...listeners]) listener();
  });
  const onMessage = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    messages,
    count: (n, ms) => until(`${n} messages on ${subject}`, onMessage, () => messages.length >= n, ms),
    stop: () => subscription.unsubscribe(),
  };
}

/**
 * Resolves once what `to` has subscribed to so far is routed from `from`. After a new connection, and between
 * the servers of one cluster, a subscription travels for a moment; those of one member travel in order, so
 * one more tells of all before it.
 */
export async function routed(world: { readonly prefix: string }, from: Bus, to: Bus): Promise<void> {
  const subject = `${world.prefix}.routed.${Math.random().toString(36).slice(2)}`;
  const subscription = await to.subscribe(subject, ({ reply }) => reply !== undefined && to.publish(reply, Buffer.alloc(0)));
  const ask = async (): Promise<void> => {
    for (;;) {
      const answered = await from.request(subject, Buffer.alloc(0), { deadline: 1_000 }).then(
        () => true,
        () => false,
      );
      if (answered) return;
    }
  };
  await soon('a route', ask(), 5_000).finally(() => subscription.unsubscribe());
}
