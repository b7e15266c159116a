/**
 * Owns the count of lines that are no JSON-RPC: servers print stray text on stdout, a few lines of it are
 * forgiven, a stream of it is not. Each is counted, one a second is logged.
 */
import type { ChildLog } from './child.ts';
import type { Scrub } from './secrets.ts';
import { printable } from './stderr.ts';

export interface NoiseLimits {
  readonly perSecond: number;
  readonly total: number;
}

export interface Noise {
  /** Counts a line; false once a limit is passed. */
  add(line: Uint8Array): boolean;
}

export interface NoiseDeps {
  readonly log: ChildLog;
  readonly pid: number;
  readonly scrub: Scrub;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Bytes of a stray line that are shown. */
const SAMPLE = 200;

/** What people are shown of a stray line. */
export function sampleOf(line: Uint8Array, scrub: Scrub): string {
  const text = Buffer.from(line.subarray(0, SAMPLE)).toString();
  return printable(scrub(text, line.length > SAMPLE ? 'end' : undefined));
}

export function createNoise(limits: NoiseLimits, { log, pid, scrub, now = () => performance.now() }: NoiseDeps): Noise {
  let total = 0;
  let inSecond = 0;
  let second = -Infinity;
  return {
    add(line) {
      total += 1;
      if (now() - second >= 1000) {
        second = now();
        inSecond = 0;
        log.warn({ pid, total, line: sampleOf(line, scrub) }, 'child wrote a line that is not json-rpc');
      }
      inSecond += 1;
      return inSecond <= limits.perSecond && total <= limits.total;
    },
  };
}
