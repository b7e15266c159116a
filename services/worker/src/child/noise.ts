/**
 * Owns the count of lines that are no JSON-RPC: servers print stray text on stdout, a few lines of it are
 * forgiven, a stream of it is not. Each is counted, one a second is logged.
 */
import type { ChildLog } from './child.ts';
import { printable } from './stderr.ts';

export interface NoiseLimits {
  readonly perSecond: number;
  readonly total: number;
}

export interface Noise {
  /** Counts a line; false once a limit is passed. */
  add(line: Uint8Array): boolean;
}

/** Bytes of a stray line that the log shows. */
const SAMPLE = 200;

/** `now`: monotonic milliseconds. */
export function createNoise(limits: NoiseLimits, log: ChildLog, pid: number, now: () => number = () => performance.now()): Noise {
  let total = 0;
  let inSecond = 0;
  let second = -Infinity;
  return {
    add(line) {
      total += 1;
      if (now() - second >= 1000) {
        second = now();
        inSecond = 0;
        const sample = printable(Buffer.from(line.subarray(0, SAMPLE)).toString());
        log.warn({ pid, total, line: sample }, 'child wrote a line that is not json-rpc');
      }
      inSecond += 1;
      return inSecond <= limits.perSecond && total <= limits.total;
    },
  };
}
