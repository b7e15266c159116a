/**
 * Owns what the bridge answers a server by itself, where there is no client to ask: a sign of life, an empty list of
 * roots, and a definite no to everything else.
 */
import { slice, type Frame } from '@causeway/protocol';

/** A server that can be told something. */
export interface Told {
  tell(bytes: Uint8Array): void;
}

export const UNSUPPORTED = { code: -32601, message: 'The client does not answer this.' };

/** The outcome of `roots/list` where there is nobody to ask. */
export const NO_ROOTS = '"result":{"roots":[]}';

/** The server's id of its question, raw JSON. */
export const rawId = ({ bytes, id }: Frame): string => (id ? Buffer.from(slice(bytes, id)).toString() : 'null');

export function answerAlone(server: Told, frame: Frame): void {
  const id = rawId(frame);
  if (frame.method === 'ping') answer(server, id, '"result":{}');
  else if (frame.method === 'roots/list') answer(server, id, NO_ROOTS);
  else answer(server, id, `"error":${JSON.stringify(UNSUPPORTED)}`);
}

/** `outcome`: the member `result` or `error`, raw JSON text. */
export function answer(server: Told, id: string, outcome: string): void {
  server.tell(Buffer.from(`{"jsonrpc":"2.0","id":${id},${outcome}}`));
}
