/**
 * Owns taking up a subscription on one NATS connection.
 * Invariants: when it resolves the server routes the subject here; a connection that is lost meanwhile is waited for as
 * long as by everything else that a process asks for at its start, and whoever gets none is told `cluster.unavailable`.
 */
import { CausewayError } from '@causeway/protocol';
import type { Msg } from '@nats-io/transport-node';
import { RECONNECT, type Link } from './link.ts';
import { unavailable, within } from './patience.ts';

/** Milliseconds that the server may take to confirm it. */
const CONFIRM = 5_000;
/** How often a connection may be lost on the way. */
const ATTEMPTS = 5;

/** Resolves with the way to end it. Rejects with CausewayError `cluster.unavailable`. */
export async function subscribeOn(link: Link, subject: string, receive: (msg: Msg) => void): Promise<() => void> {
  for (let left = ATTEMPTS; ; left -= 1) {
    await link.whenLive(RECONNECT);
    let refused: Error | undefined;
    const sub = link.nc.subscribe(subject, {
      callback: (error, msg) => {
        if (error === null) receive(msg);
        else refused = error;
      },
    });
    try {
      await within(CONFIRM, link.whileLive(link.nc.flush()));
    } catch (error) {
      sub.unsubscribe();
      if (link.live || left === 1) throw unavailable(error);
      continue;
    }
    if (refused === undefined) return () => sub.unsubscribe();
    const message = `NATS does not permit this role to subscribe to ${subject}: grant it as docs/subjects.md lists.`;
    throw new CausewayError('cluster.unavailable', { message, cause: refused });
  }
}
