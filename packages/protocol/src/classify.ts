/**
 * Owns the question which era a posted body is of, and what a request of the stateless era must satisfy before anybody
 * is asked: the steps of validation in their order. Pure; the body decides, headers only confirm.
 * Source: 2026-07-28 basic/versioning, basic/transports/streamable-http; WIRE: era per request, never per connection.
 */
import { CausewayError } from './errors.ts';
import { decodeHeader, mismatch, nameMemberOf, trim } from './headers.ts';
import type { Body, Frame } from './jsonrpc.ts';
import { membersIn, textOf, type Members } from './members.ts';
import { missingMeta, readMeta, type RequestMeta } from './meta.ts';
import { isModern, MODERN_REVISION } from './meta-keys.ts';
import type { Span } from './splice.ts';

/** Values of the headers that repeat the body; absent where they were not sent. */
export interface EraHeaders {
  readonly version?: string | undefined;
  readonly method?: string | undefined;
  readonly name?: string | undefined;
}

/** A message of the stateless era that passed every step that needs nobody else. */
export interface ModernMessage {
  readonly frame: Frame;
  readonly meta: RequestMeta;
  /** The members of `params`. */
  readonly params: Members;
  /** The tool, prompt or resource that it names. */
  readonly name?: string;
}

type Claiming = Frame & { readonly claim: Span };
const claims = (frame: Frame): frame is Claiming => frame.claim !== undefined;

/** `undefined`: of an era with sessions. `'ignored'`: a notification without a claim, under a header of the stateless era. Throws CausewayError. */
export function classify(body: Body, given: EraHeaders): ModernMessage | 'ignored' | undefined {
  if (body.kind === 'batch') {
    if (!body.frames.some(claims)) return undefined;
    throw new CausewayError('request.invalid', { message: 'Invalid Request: a batch must not contain requests of 2026-07-28 or later.' });
  }
  const { frame } = body;
  if (frame.kind === 'response') return undefined;
  const headers = { version: trimmed(given.version), method: trimmed(given.method), name: given.name };
  if (frame.method === 'initialize' && frame.kind === 'request' && !isValidClaim(frame)) {
    if (namesModern(headers.version)) throw mismatch('MCP-Protocol-Version', 'names a revision without initialize');
    return undefined;
  }
  if (!claims(frame)) return namesModern(headers.version) ? withoutClaim(frame, headers) : undefined;
  const meta = readMeta(frame);
  if (headers.version !== undefined && headers.version !== meta.version)
    throw mismatch('MCP-Protocol-Version', `is ${headers.version}, and the body names ${meta.version}`);
  if (frame.kind === 'request' || isModern(meta.version)) checkMethod(frame, headers);
  checkRevision(meta.version);
  const params = membersIn(frame.bytes, frame.params)!;
  const name = frame.kind === 'request' ? checkPresence(frame, params, headers) : undefined;
  return { frame, meta, params, ...(name === undefined ? {} : { name }) };
}

const namesModern = (version: string | undefined): boolean => version !== undefined && isModern(version);

const trimmed = (value: string | undefined): string | undefined => (value === undefined ? undefined : trim(value));

/** Requests of the stateless era never go without their metadata; what a notification is, its header says. */
function withoutClaim(frame: Frame, headers: EraHeaders): 'ignored' {
  if (frame.kind === 'request') throw missingMeta(frame);
  checkMethod(frame, headers);
  checkRevision(headers.version);
  return 'ignored';
}

function checkRevision(requested = ''): void {
  if (requested === MODERN_REVISION) return;
  throw new CausewayError('request.revision', { facts: { supported: [MODERN_REVISION], requested } });
}

/** An initialize that names a stateless revision properly is a request of that era, which has no such method. */
function isValidClaim(frame: Frame): boolean {
  if (!claims(frame)) return false;
  try {
    return isModern(readMeta(frame).version);
  } catch {
    return false;
  }
}

function checkMethod({ method = '' }: Frame, headers: EraHeaders): void {
  if (headers.method !== undefined && headers.method !== method)
    throw mismatch('Mcp-Method', `is ${headers.method}, and the body names ${method}`);
}

/** The headers that every request has. Gives what `Mcp-Name` names. */
function checkPresence({ bytes, method = '' }: Frame, params: Members, headers: EraHeaders): string | undefined {
  if (headers.version === undefined) throw mismatch('MCP-Protocol-Version', 'is missing');
  if (headers.method === undefined) throw mismatch('Mcp-Method', 'is missing');
  const member = nameMemberOf(method);
  if (member === undefined) return undefined;
  const value = textOf(bytes, params, member);
  if (headers.name === undefined) {
    if (value !== undefined) throw mismatch('Mcp-Name', `is missing, and the body has params.${member}`);
    return undefined;
  }
  const decoded = decodeHeader(headers.name);
  if (decoded === undefined) throw mismatch('Mcp-Name', 'is not valid Base64');
  if (value !== undefined && decoded !== value) throw mismatch('Mcp-Name', `is not what the body has in params.${member}`);
  return value;
}
