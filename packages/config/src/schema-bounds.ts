/** Owns the part of the schema that says how much and how long: limits, a worker's bounds, streams, the end. */
import { z } from 'zod';
import { count, duration, size, timeSpan } from './forms.ts';

export const limit = count.optional();

export const limits = z
  .strictObject({
    sessions: limit.describe(
      'Sessions that all workers together hold at once. More are refused with 503. Default: as many as they can hold.',
    ),
    sessionsPerIdentity: limit.describe(
      'Sessions that one identity holds at once, over all servers and workers. More are refused with 429.',
    ),
    callsPerSession: count.prefault(64).describe('Calls of one session in flight at once. More are refused with 429.'),
    callsPerIdentity: count.prefault(256).describe('Calls of one identity in flight at once on one worker. More are refused with 429.'),
  })
  .prefault({})
  .describe('Limits of the whole bridge; the workers keep them, and each should be given the same.');

export const pool = z
  .strictObject({
    max: count
      .refine((most) => most >= 2, 'at least 2')
      .prefault(16)
      .describe('Processes that a worker has at once for those who may share them. At least 2: one is kept free of calls that wait.'),
    idle: duration.prefault('5m').describe('The last process that nobody has used for so long is stopped; others are after 30s.'),
    parked: timeSpan
      .prefault('3m')
      .describe('How long a call waits for its client to answer what the server has asked, before it is cancelled.'),
  })
  .prefault({})
  .describe('Processes for requests without a session (2026-07-28). They take places under the limits as sessions do.');

export const worker = z
  .strictObject({
    grace: duration
      .optional()
      .describe(
        'How long the children of a worker that is cut off from NATS are kept, untouched, once its lease has run out (after 14 s): their sessions go on if it comes back in time and nobody has taken them over. Default: `60s` where no number of sessions is limited; with such a limit `0s`, for others may take their places.',
      ),
    capacity: count.prefault(256).describe('Sessions that this worker holds at once.'),
    spawnConcurrency: count.prefault(4).describe('Children that start at the same time.'),
    spawnQueue: count.prefault(64).describe('Starts that wait for their turn; more are refused.'),
    lineBytes: size.prefault('16MiB').describe('Longest line of a child; a longer one ends it.'),
    stdinBytes: size.prefault('32MiB').describe('What may wait for a child that does not read, per session.'),
    stdinFrames: count.prefault(1024).describe('Messages that may wait for a child that does not read, per session.'),
  })
  .prefault({})
  .describe('Bounds of a worker.');

export const streams = z
  .strictObject({
    heartbeat: timeSpan.prefault('15s').describe('Time between comments on a quiet stream.'),
    journalFrames: count.prefault(256).describe('Messages kept of each stream for replay.'),
    journalBytes: size.prefault('1MiB').describe('Bytes kept of each stream for replay.'),
    journalAge: duration.prefault('5m').describe('How long they are kept.'),
    workerJournalBytes: size.prefault('256MiB').describe('Bytes kept for replay by one worker altogether.'),
    creditFrames: count
      .refine((frames) => frames >= 32, 'at least 32')
      .prefault(128)
      .describe('Messages on their way to a client that has not taken them; at least 32.'),
    creditBytes: size
      .refine((bytes) => bytes >= 512 * 1024, 'at least 512KiB')
      .prefault('1MiB')
      .describe('Bytes on their way to a client that has not taken them; at least 512KiB.'),
    retry: duration.prefault('1s').describe('When a client should come back after a stream ended: the `retry` field.'),
    maxMessage: size
      .prefault('32MiB')
      .describe('Largest JSON-RPC message in either direction; of an edge and a worker that differ the lesser one counts.'),
  })
  .prefault({})
  .describe('Streams to clients: replay and back-pressure.');

export const drain = z
  .strictObject({
    timeout: duration.prefault('30s').describe('What running calls are given at the end of the process.'),
    delay: duration.prefault('0s').describe('Time between turning unready and refusing new work.'),
  })
  .prefault({})
  .describe('The end of the process.');
