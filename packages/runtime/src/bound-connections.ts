/**
 * Owns the bound on the connections of a listener: Node closes one beyond it as soon as it was taken, unanswered.
 * Invariant: that is said at most once a minute, with how many there were since it was said last.
 */
import type { Server } from 'node:net';
import { systemClock, type Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface BoundOptions {
  /** For the log: which one it is. */
  readonly listener: string;
  readonly most: number;
  readonly log: Log;
  /** Default the system's. */
  readonly clock?: Clock;
}

/** Milliseconds. */
const PAUSE = 60_000;

export function boundConnections(server: Server, { listener, most, log, clock = systemClock }: BoundOptions): void {
  let refused = 0;
  let told = -Infinity;
  server.maxConnections = most;
  server.on('drop', () => {
    refused += 1;
    const now = clock.monotonic();
    if (now - told < PAUSE) return;
    log.warn({ listener, most, refused }, 'connections refused: too many');
    told = now;
    refused = 0;
  });
}
