/**
 * Owns what HTTP says of a server's "method not found" (-32601) towards a client of the stateless era. Pure.
 * Source: 2026-07-28 basic/transports/streamable-http; WIRE §1.6: an unknown method is 404, what a handler says is 200.
 *
 * Invariant: 404 is for methods that the server does not have. Of one that it has declared it is an answer, which servers give
 * for a tool or a prompt that they do not know, and of a 404 clients read the status alone.
 */
import { capabilitiesIn } from '@causeway/protocol';

export const METHOD_NOT_FOUND = -32601;

/** Methods that a server has which declares the capability. */
const DECLARED_BY: ReadonlyMap<string, string> = new Map([
  ['tools/list', 'tools'],
  ['tools/call', 'tools'],
  ['prompts/list', 'prompts'],
  ['prompts/get', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/read', 'resources'],
  ['completion/complete', 'completions'],
]);

/** `greeting`: what the server has said of itself. `undefined`: it is an answer as any other. */
export function statusOfUnknown(method: string, greeting: string): 404 | undefined {
  const capability = DECLARED_BY.get(method);
  return capability !== undefined && capabilitiesIn(greeting)(capability) ? undefined : 404;
}
