/**
 * Owns what a process logs of its NATS: what is reported of it, its loss and its return.
 *
 * Invariants: what fails with every message is logged once a minute, however many ids its subjects have, and no more
 * than so many kinds of it; a session's token is in no line; a loss is one line, and so is the return.
 */
import type { Bus } from '@causeway/cluster';
import type { Log } from '@causeway/runtime';

/** Milliseconds in which the same is logged once. */
const QUIET = 60_000;
/** Different reports that are logged in that time. */
const MOST = 20;

type Now = () => number;

/** Logs what is reported. */
export function natsReports(log: Log, now: Now = () => performance.now()): (text: string) => void {
  const told = new Map<string, number>();
  return (text) => {
    const at = now();
    const reason = withoutIds(text);
    for (const [kind, when] of told) if (at - when >= QUIET) told.delete(kind);
    if (told.has(reason) || told.size >= MOST) return;
    told.set(reason, at);
    log.warn({ reason }, 'trouble with nats');
  };
}

/** `*` for each id and number in a subject, as permissions are written. */
function withoutIds(text: string): string {
  return text.replaceAll(/"[^"]*"/g, (subject) => subject.replaceAll(/(?<=[".])(?:(?!KV_)[-\w]{12,}|\d+)(?=[".])/g, '*'));
}

/** Logs every loss of the bus and every return. */
export function logLosses(bus: Pick<Bus, 'onStatus'>, log: Log, now: Now = () => performance.now()): void {
  let lost: number | undefined;
  bus.onStatus((status) => {
    if (status === 'disconnected' && lost === undefined) {
      lost = now();
      log.warn({}, 'nats lost');
    } else if (status === 'connected' && lost !== undefined) {
      log.info({ ms: Math.round(now() - lost) }, 'nats is back');
      lost = undefined;
    }
  });
}
