/**
 * Owns finding out which request a line was meant to answer that `readServerLine` refused: nested too deep, a member
 * twice, no `jsonrpc`, neither `result` nor `error`, a number that JSON does not have, a byte order mark, bytes that are no
 * UTF-8. So that the request can be failed at once, and nobody waits for an answer that was dropped. Pure.
 *
 * Invariant: a line of a log that happens to have an `id` is not taken for an answer: there is a `result` or an
 * `error`, no `method`, and either a `jsonrpc` or no member that answers do not have. Or there is nothing but `jsonrpc` and
 * `id`: so a server in JavaScript writes a `result` that is undefined.
 */
import { JsonScanner } from './json.ts';
import { JsonFault } from './json-limits.ts';
import type { Span } from './splice.ts';

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** Deeper than any parser goes, and no deeper than there is memory for. */
const LENIENT = { depth: 1_000_000, keys: Infinity, prototypeKeys: 'pass', controls: 'pass' } as const;
const OF_ANSWERS = new Set(['jsonrpc', 'id', 'result', 'error']);

/** Where its id lies, as far as the line can be read; `undefined` if it is no answer. */
export function refusedAnswer(line: Buffer): Span | undefined {
  const marked = line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const scanner = new JsonScanner(line, LENIENT, marked ? BYTE_ORDER_MARK.length : 0);
  if (scanner.peek() !== 0x7b) return undefined;
  const keys = new Set<string>();
  let id: Span | undefined;
  let whole = false;
  try {
    scanner.object(0, (key, at, depth) => {
      keys.add(key);
      const span = at.value(depth);
      if (key === 'id') id = span;
    });
    whole = true;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
  }
  const foreign = [...keys].some((key) => !OF_ANSWERS.has(key));
  if (keys.has('result') || keys.has('error')) return keys.has('method') || (foreign && !keys.has('jsonrpc')) ? undefined : id;
  return whole && keys.has('jsonrpc') && !foreign ? id : undefined;
}
