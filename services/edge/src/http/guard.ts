/**
 * Owns what is refused from a request's head alone, before its body is read and anything is published:
 * Host, Origin, repeated headers, method, Accept, Content-Type (BAR S05-S10, S32). Who asks is found out in access/callers.ts.
 * Pure; answers by throwing CausewayError.
 */
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import type { HttpConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import { hostIn, isAddress } from '@causeway/runtime';

/** Headers that mean something else when they come twice; Node would join or drop them. */
const SINGLE = /^(host|origin|authorization|content-type|content-length|x-api-key|last-event-id|mcp-.+)$/i;

export interface Guard {
  /** Host, Origin, repeated headers. */
  origin(req: IncomingMessage): void;
  /** The client takes JSON and event streams; event streams, and is no page of another site. Throw `request.accept`, `request.origin`. */
  acceptBoth(req: IncomingMessage): void;
  acceptStream(req: IncomingMessage): void;
}

/** `listening`: the name or address that is listened on. */
export function createGuard(http: HttpConfig, listening?: string): Guard {
  const announced = [hostname(), listening ?? [], http.baseUrl === undefined ? [] : new URL(http.baseUrl).hostname].flat();
  const hosts = new Set([...announced, ...http.allowedHosts].map((host) => host.toLowerCase()));
  const originAllowed = originCheck([...http.allowedOrigins, ...(http.cors === false ? [] : http.cors.origins)]);
  const acceptsStream = acceptCheck('text/event-stream');
  const allowed = remember((host) => hostAllowed(host, hosts));
  return {
    origin(req) {
      refuseRepeated(req);
      if (!allowed(req.headers.host ?? '')) throw new CausewayError('request.host');
      const { origin } = req.headers;
      if (origin !== undefined && !originAllowed(origin)) throw new CausewayError('request.origin');
    },
    acceptBoth: acceptCheck('application/json', 'text/event-stream'),
    acceptStream(req) {
      refuseForeignPage(req);
      if (req.headers['sec-fetch-mode'] === 'navigate') throw new CausewayError('request.accept', { message: NOT_FOR_BROWSERS });
      acceptsStream(req);
    },
  };
}

/** A browser takes anything, and would open a session of a 2024-11-05 server for whoever follows the link. */
const NOT_FOR_BROWSERS =
  'Not Acceptable: this is an endpoint for MCP clients, not a page. Give its address to a client; what else is served stands at /.';

function refuseRepeated({ rawHeaders, headers }: IncomingMessage): void {
  // Node keeps one entry for each name: as many entries as headers means that none came twice.
  if (Object.keys(headers).length * 2 === rawHeaders.length) return;
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!SINGLE.test(name)) continue;
    if (seen.has(name)) throw new CausewayError('request.header', { facts: { header: name } });
    seen.add(name);
  }
}

function hostAllowed(header: string, allowed: ReadonlySet<string>): boolean {
  const host = hostIn(header);
  if (host === undefined) return false;
  return isAddress(host) || allowed.has(host) || allowed.has('*') || allowed.has(header.toLowerCase());
}

/** `/…/` is a regular expression; whatever is said, pages of this machine are let in. */
function originCheck(said: readonly string[]): (origin: string) => boolean {
  const patterns = said.filter((one) => one.startsWith('/')).map((one) => new RegExp(one.slice(1, -1), 'i'));
  const exact = new Set(said.map((one) => one.toLowerCase()));
  return (origin) => {
    const lower = origin.toLowerCase();
    if (exact.has('*') || exact.has(lower) || patterns.some((pattern) => pattern.test(origin))) return true;
    const url = URL.parse(lower);
    return url !== null && /^https?:$/.test(url.protocol) && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  };
}

/** What a page embeds, such as an image, is asked for without an origin, and would begin a session. */
function refuseForeignPage({ headers }: IncomingMessage): void {
  if (headers.origin === undefined && headers['sec-fetch-site'] === 'cross-site') throw new CausewayError('request.origin');
}

/** Texts whose judgement is remembered: clients send the same few headers again and again. */
const REMEMBERED = 256;

function remember(judge: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const verdict = judge(text);
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, verdict);
    return verdict;
  };
}

/** Whether an Accept header names a type by a media range that is not refused with `q=0`. */
function accepts(header: string, type: string): boolean {
  const [major] = type.split('/');
  return header.split(',').some((range) => {
    const [name, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return (name === type || name === '*/*' || name === `${major}/*`) && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** A check that the client takes every one of `types`. */
function acceptCheck(...types: readonly string[]): (req: IncomingMessage) => void {
  const takes = remember((header) => types.every((type) => accepts(header, type)));
  return (req) => {
    if (takes(req.headers.accept ?? '')) return;
    throw new CausewayError('request.accept', { message: `Not Acceptable: Client must accept ${types.join(' and ')}` });
  };
}

/** Asserts a JSON body in plain UTF-8. */
export function requireJson({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  if (type !== 'application/json' && !isPlainJson(type)) throw new CausewayError('request.content_type');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new CausewayError('request.content_type', { message: 'Unsupported Media Type: bodies are taken uncompressed only.' });
  }
}

function isPlainJson(header: string): boolean {
  const [type, ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  return type === 'application/json' && parameters.every((parameter) => parameter === '' || /^charset="?utf-?8"?$/.test(parameter));
}
