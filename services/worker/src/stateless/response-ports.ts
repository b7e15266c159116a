/**
 * Owns the words about a response: what it is given, and what it tells whoever serves the request.
 */
import type { CallHead, DownHead } from '@causeway/cluster';
import type { LogLevel } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import type { EdgeWatch } from '../edges.ts';
import type { StreamLimits, StreamPorts } from '../session/stream-ports.ts';
import type { SentAnswers } from './sent-answers.ts';

export interface ResponseDeps {
  readonly streamPorts: StreamPorts;
  readonly streamLimits: StreamLimits;
  readonly maxMessage: number;
  readonly reply: (to: string | undefined, head: DownHead) => void;
  /** Whether the edges live that are sent to: one that dies says nothing. */
  readonly edges: EdgeWatch;
  /** What was answered a moment ago. */
  readonly sent: Pick<SentAnswers, 'add'>;
  readonly wheel: Wheel;
  readonly log: Log;
}

/** What the request that it answers has said. */
export interface Asked {
  readonly head: CallHead;
  readonly body: Buffer;
  readonly logLevel: LogLevel | undefined;
  /** Where its edge listens. */
  readonly to: string;
}

export interface ResponseEvents {
  /** Its reader is gone, or does not read: nobody waits for the answer any more. */
  left(): void;
  /** Its reader lags from now on, or does not any more. */
  lagChanged(): void;
}
