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

export function headOf({ seq, last, index, opened, status, call, failed }: Entry): ServerHead {
  const head: { -readonly [K in keyof ServerHead]: ServerHead[K] } = { t: 'server', seq };
  if (last) head.last = last;
  if (index !== undefined) head.index = index;
  if (opened !== undefined) Object.assign(head, { opened: true, revision: opened });
  if (status !== undefined) head.status = status;
  if (call !== undefined) head.call = call;
  if (failed !== undefined) head.failed = failed;
  return head;
}

/** What was booked for a finished stream, and when. */
export interface FinishedStream {
  readonly stream: Stream;
  readonly at: number;
  readonly frames: number;
  readonly bytes: number;
}
