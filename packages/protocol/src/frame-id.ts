/** Owns the id of a message that was read: its raw text, and another in its place. Pure. */
import type { Frame } from './jsonrpc.ts';
import { rawText, splice } from './splice.ts';

/** The id's raw JSON; `null` where there is none. */
export function rawId({ bytes, id }: Frame): string {
  return id ? rawText(bytes, id) : 'null';
}

/** The message with another id. */
export function withId(frame: Frame, id: Uint8Array): Buffer {
  return frame.id ? splice(frame.bytes, [{ span: frame.id, bytes: id }]) : frame.bytes;
}
