/**
 * Owns the form of the JSON-RPC messages that the bridge makes itself; those of others are never written anew. Pure.
 */

/** A request under a number of ours. `params`: JSON text; absent: it has none. */
export function requestOf(id: number, method: string, params: string | undefined): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},${words(method, params)}}`);
}

/** `params`: as of a request. */
export function notificationOf(method: string, params?: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0",${words(method, params)}}`);
}

function words(method: string, params: string | undefined): string {
  return `"method":${JSON.stringify(method)}${params === undefined ? '' : `,"params":${params}`}`;
}

/** Nobody waits any more for the answer to the request of that number. */
export function cancellationOf(requestId: number, reason?: string): Buffer {
  return notificationOf('notifications/cancelled', JSON.stringify({ requestId, reason }));
}

/** The outcome of what is done with that: a sign of life, a level that was set. */
export const DONE = '"result":{}';

/** An answer. `id`: that of the request, raw JSON; `outcome`: the member `result` or `error`, JSON text. */
export function answerTo(id: string | number, outcome: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},${outcome}}`);
}
