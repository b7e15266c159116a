/**
 * Owns finding out which request a body is that nobody reads, or reads to its end, so that its refusal names it: some clients
 * wait for ever for an answer that names none. Pure.
 *
 * Invariant: an answer of the client's is not taken for a request, since its id is one of the server's; a number that may go on is no id.
 */
import { isUtf8 } from 'node:buffer';
import { JsonScanner } from './json.ts';
import { CLIENT_SCAN, JsonFault } from './json-limits.ts';
import { readId } from './member-rules.ts';
import { isNull, type Span } from './splice.ts';

/** Its raw id, as far as the beginning of its body can be read; `undefined` where that shows no request. */
export function refusedRequest(beginning: Buffer): string | undefined {
  const scanner = new JsonScanner(beginning, CLIENT_SCAN);
  if (scanner.peek() !== 0x7b) return undefined;
  const keys = new Set<string>();
  let id: Span | undefined;
  try {
    scanner.object(0, (key, at, depth) => {
      keys.add(key);
      if (key === 'id') id = readId(at, depth);
      else at.value(depth);
    });
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
  }
  const asks = (keys.has('method') || keys.has('params')) && !keys.has('result') && !keys.has('error');
  if (!asks || id === undefined || id.end === beginning.length || isNull(beginning, id)) return undefined;
  const text = beginning.subarray(id.start, id.end);
  return isUtf8(text) ? text.toString() : undefined;
}
