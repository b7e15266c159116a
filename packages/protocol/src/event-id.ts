/**
 * Owns the form of SSE event ids: `<stream>.<seq>`, so that any edge can tell from `Last-Event-ID`
 * which stream of the session is to be replayed (2025-11-25 basic/transports, Resumability). Pure.
 * Invariant: an id is made only of characters that are safe in an SSE field and in a header.
 */

export interface EventId {
  /** Name of the stream, unique in its session: `[A-Za-z0-9_-]{1,64}`. */
  readonly stream: string;
  /** Position in the stream; 0 is the priming event, frames count from 1. */
  readonly seq: number;
}

const FORM = /^([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,14})$/;

export function formatEventId(stream: string, seq: number): string {
  return `${stream}.${seq}`;
}

/** `undefined` for anything that we cannot have sent. */
export function parseEventId(text: string): EventId | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  return { stream: match[1]!, seq: Number(match[2]) };
}
