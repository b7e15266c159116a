/**
 * Owns reading the two messages of the initialize handshake for what the bridge itself must know of them;
 * both travel on unchanged. Pure. Source: basic/lifecycle of the revisions 2024-11-05 to 2025-11-25.
 */
import { JsonScanner } from './json.ts';
import { SERVER_SCAN } from './json-limits.ts';
import { membersAt, membersOf, textOf, valueAt } from './members.ts';
import { rawText, type Span } from './splice.ts';

/** Raw JSON text of a member of a message that was already read; `undefined` if it has none. */
export function memberText(bytes: Buffer, name: string): string | undefined {
  const scanner = new JsonScanner(bytes, SERVER_SCAN);
  let found: Span | undefined;
  scanner.object(0, (key, at, depth) => {
    const span = at.value(depth);
    if (key === name) found = span;
  });
  return found && rawText(bytes, found);
}

/** The revision that an initialize asks for, as the client spells it; `''` if it names none. */
export function requestedRevision(initialize: Buffer): string {
  return versionIn(memberText(initialize, 'params'));
}

function versionIn(text: string | undefined): string {
  const bytes = Buffer.from(text ?? '');
  return textOf(bytes, membersAt(bytes), 'protocolVersion') ?? '';
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

/** What a server has lists of, and may tell of changes of; the name of the capability is the list's. */
export const LISTS = ['tools', 'prompts', 'resources'] as const;
export type List = (typeof LISTS)[number];

/**
 * Whether a server says in its result of `initialize`, or of `server/discover`, that it has a capability, or a flag of one.
 * What it is to say may be anything: `null`, or with control characters that JSON does not have.
 */
export function capabilitiesIn(result: string): (name: string, flag?: string) => boolean {
  const bytes = Buffer.from(result);
  const capabilities = membersOf(bytes, membersAt(bytes), 'capabilities');
  return (name, flag) => {
    if (flag === undefined) return capabilities?.of.has(name) === true;
    const span = membersOf(bytes, capabilities, name)?.of.get(flag);
    return span !== undefined && valueAt(bytes, span) === true;
  };
}
