/**
 * Owns recognising the words of JSON-RPC and MCP by their bytes, so that reading one makes no new text, and whoever
 * compares it compares by identity. What is not listed is read all the same, at the price of a text. Pure.
 */

const WORDS = [
  ...['jsonrpc', '2.0', 'id', 'method', 'params', 'result', 'error'],
  ...['_meta', 'progressToken', 'progress', 'requestId', 'name', 'arguments', 'uri', 'content', 'structuredContent', 'isError'],
  ...['tools/call', 'tools/list', 'prompts/get', 'prompts/list', 'resources/read', 'resources/list', 'ping'],
  ...['notifications/progress', 'notifications/cancelled', 'notifications/message', 'notifications/initialized'],
] as const;

interface Word {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** By their length. */
const BY_LENGTH: readonly (readonly Word[])[] = Array.from({ length: Math.max(...WORDS.map(({ length }) => length)) + 1 }, (_, length) =>
  WORDS.filter((text) => text.length === length).map((text) => ({ text, bytes: Buffer.from(text) })),
);

/** The text of some bytes of UTF-8. */
export function wordAt(bytes: Buffer, start: number, end: number): string {
  const words = BY_LENGTH[end - start];
  if (words !== undefined) for (const word of words) if (equal(word.bytes, bytes, start)) return word.text;
  return bytes.toString('utf8', start, end);
}

/** The text of a string in JSON, with its quotes; `undefined` for one with a raw control character, which a scan may let pass. */
export function textIn(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

/** The machine's own comparison costs more for so few bytes. */
function equal(word: Uint8Array, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < word.length; at++) if (word[at] !== bytes[start + at]) return false;
  return true;
}
