/**
 * Owns the words of a stream: what it is given, and what is said of a frame besides its bytes.
 */
import type { EndHead, PingHead, ServerHead } from '@causeway/cluster';
import type { FlowLimits } from './flow.ts';
import type { Entry, JournalLimits } from './journal.ts';
import type { Stream } from './stream.ts';

export interface StreamPorts {
  /** Hands a frame or an end to the bus; throws BusError. `seq` lets an undelivered frame be told. */
  publish(to: string, head: ServerHead | EndHead | PingHead, bytes: Buffer | undefined, stream: Stream, seq: number): void;
  /** The stream's journal holds `bytes` now. */
  charge(stream: Stream, bytes: number): void;
}

export interface StreamLimits extends JournalLimits {
  readonly credit: FlowLimits;
}

export type StreamKind = 'call' | 'standalone' | 'sse';

export type FrameFacts = Pick<Entry, 'index' | 'opened' | 'status' | 'call' | 'dispensable' | 'loose'>;

export function headOf({ seq, last, index, opened, status, call }: Entry): ServerHead {
  return {
    t: 'server',
    seq,
    ...(last ? { last: true as const } : {}),
    ...(index === undefined ? {} : { index }),
    ...(opened ? { opened } : {}),
    ...(status === undefined ? {} : { status }),
    ...(call === undefined ? {} : { call }),
  };
}

/** What was booked for a finished stream, and when. */
export interface FinishedStream {
  readonly stream: Stream;
  readonly at: number;
  readonly frames: number;
  readonly bytes: number;
}
