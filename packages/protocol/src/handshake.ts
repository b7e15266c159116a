/**
 * Owns reading the two messages of the initialize handshake for what the bridge itself must know of them;
 * both travel on unchanged. Pure. Source: basic/lifecycle of the revisions 2024-11-05 to 2025-11-25.
 */
import { JsonScanner } from './json.ts';
import { SERVER_SCAN } from './jsonrpc.ts';
import { slice, type Span } from './splice.ts';

/** Raw JSON text of a member of a message that was already read; `undefined` if it has none. */
export function memberText(bytes: Buffer, name: string): string | undefined {
  const scanner = new JsonScanner(bytes, SERVER_SCAN);
  let found: Span | undefined;
  scanner.object(0, (key, at, depth) => {
    const span = at.value(depth);
    if (key === name) found = span;
  });
  return found && Buffer.from(slice(bytes, found)).toString();
}

/** The revision that an initialize asks for, as the client spells it; `''` if it names none. */
export function requestedRevision(initialize: Buffer): string {
  return versionIn(memberText(initialize, 'params'));
}

function versionIn(text: string | undefined): string {
  const parsed = text === undefined ? undefined : (JSON.parse(text) as unknown);
  const named = typeof parsed === 'object' && parsed !== null ? (parsed as { protocolVersion?: unknown }).protocolVersion : undefined;
  return typeof named === 'string' ? named : '';
}

export interface Handshake {
  /** `result` of the server's answer, raw JSON text. */
  readonly result: string;
  /** The revision that the server chose, as it spells it. */
  readonly revision: string;
}

/** What an answer to initialize grants; `undefined` for an error response. */
export function readHandshake(answer: Buffer): Handshake | undefined {
  const result = memberText(answer, 'result');
  return result === undefined ? undefined : { result, revision: versionIn(result) };
}
