/**
 * Owns what the bridge answers a server by itself, where there is no client to ask: a sign of life, an empty list of
 * roots, and a definite no to everything else.
 */
import { answerTo, DONE, rawId, type Frame } from '@causeway/protocol';

/** A server that can be told something. */
export interface Told {
  tell(bytes: Uint8Array): void;
}

export const UNSUPPORTED = { code: -32601, message: 'The client does not answer this.' };

/** The outcome of `roots/list` where there is nobody to ask. */
export const NO_ROOTS = '"result":{"roots":[]}';

export function answerAlone(server: Told, frame: Frame): void {
  server.tell(answerTo(rawId(frame), outcomeFor(frame)));
}

function outcomeFor({ method }: Frame): string {
  if (method === 'ping') return DONE;
  return method === 'roots/list' ? NO_ROOTS : `"error":${JSON.stringify(UNSUPPORTED)}`;
}
