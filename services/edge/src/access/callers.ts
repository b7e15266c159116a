/**
 * Owns who asks: whom an API key, a proxy in front or a token vouches for, and what they may use (BAR S17, S19, S20).
 *
 * Invariants: what is presented goes no further than here; without anybody who vouches a client is refused wherever somebody must.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { AuthConfig } from '@causeway/config';
import { ANONYMOUS, CausewayError, identityOf, type Identity } from '@causeway/protocol';
import type { Tokens, Verified } from './tokens.ts';

export interface Caller {
  /** To whom its sessions belong. */
  readonly identity: Identity;
  /** Whose share of the limits they take; absent: a client that nobody vouches for. */
  readonly share?: Identity;
  /** What its token allows; absent: whatever there is. */
  readonly scopes?: ReadonlySet<string>;
  /** Milliseconds since 1970 from which nobody vouches for it any more. */
  readonly until?: number;
}

export interface Callers {
  /**
   * Who asks; a promise where a token has to be looked at. Throws, or rejects with, `request.unauthorized` where somebody must vouch for
   * clients and nobody does, or `cluster.issuer_unavailable`.
   */
  callerOf(req: IncomingMessage): Caller | Promise<Caller>;
  /** Asserts that the caller may use the server. Throws `request.scope`. */
  requireScopes(caller: Caller, server: string): void;
  /** These API keys count from now on. Returns the identities of those that count no more. */
  renew(apiKeys: AuthConfig['apiKeys']): ReadonlySet<Identity>;
}

/** `tokens` goes with `auth.jwt`. */
export function createCallers(auth: AuthConfig, tokens?: Pick<Tokens, 'verify'>): Callers {
  const { jwt } = auth;
  let keys = auth.apiKeys.map(keyOf);
  const byHeader = headerIdentity(auth);
  const asked = auth.identityHeader !== undefined || tokens !== undefined;
  const byKey = (req: IncomingMessage): Identity | undefined => {
    const presented = keys.length === 0 ? undefined : presentedBy(req);
    if (presented === undefined) return undefined;
    const given = createHash('sha256').update(presented).digest();
    return keys.filter(({ digest }) => digest.length === given.length && timingSafeEqual(digest, given))[0]?.identity;
  };
  const ofToken = ({ subject, scopes, until }: Verified): Caller => {
    const identity = identityOf(jwt!.issuer, subject);
    return { identity, share: identity, scopes, until };
  };
  return {
    callerOf(req) {
      const vouched = byKey(req) ?? byHeader(req);
      if (vouched) return { identity: vouched, share: vouched };
      const token = tokens ? bearerOf(req) : undefined;
      if (tokens && token !== undefined) {
        const verified = tokens.verify(token);
        return verified instanceof Promise ? verified.then(ofToken) : ofToken(verified);
      }
      if (asked || keys.length > 0) throw new CausewayError('request.unauthorized');
      const address = auth.anonymousBy === 'address' ? req.socket.remoteAddress : undefined;
      return address === undefined ? { identity: ANONYMOUS } : { identity: ANONYMOUS, share: identityOf('address', networkOf(address)) };
    },
    requireScopes({ scopes }, server) {
      if (!jwt || !scopes) return;
      const needed = scopesOf(jwt, server);
      if (needed.every((scope) => scopes.has(scope))) return;
      throw new CausewayError('request.scope', { facts: { scope: needed.join(' ') } });
    },
    renew(apiKeys) {
      const before = keys;
      keys = apiKeys.map(keyOf);
      const gone = before.filter((key) => !keys.some(({ identity, digest }) => identity === key.identity && digest.equals(key.digest)));
      return new Set(gone.map(({ identity }) => identity));
    },
  };
}

function keyOf({ id, sha256 }: AuthConfig['apiKeys'][number]): { readonly identity: Identity; readonly digest: Buffer } {
  return { identity: identityOf('api-key', id), digest: Buffer.from(sha256, 'hex') };
}

/** All that a token needs for a server; `undefined`: for any. */
export function scopesOf({ scopes, serverScopes }: NonNullable<AuthConfig['jwt']>, server?: string): readonly string[] {
  const own = server !== undefined && Object.hasOwn(serverScopes, server) ? serverScopes[server]! : [];
  return [...new Set([...scopes, ...own])];
}

/** IPv6 clients choose freely below their /64. */
function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.startsWith('::ffff:')) return address.replace('::ffff:', '');
  const [head = '', rest] = address.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const missing = rest === undefined ? 0 : 8 - groups.length - rest.split(':').filter((group) => group !== '').length;
  return [...groups, ...Array.from({ length: missing }, () => '0'), ...(rest ?? '').split(':')].slice(0, 4).join(':');
}

/** The identity that a proxy in front tells, if it is one that is believed. */
function headerIdentity({ identityHeader, identityProxies }: AuthConfig): (req: IncomingMessage) => Identity | undefined {
  if (identityHeader === undefined) return () => undefined;
  const proxies = new BlockList();
  for (const written of identityProxies) {
    const [address = '', length] = written.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (length === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(length), family);
  }
  return ({ headersDistinct, socket: { remoteAddress = '' } }) => {
    // One that came twice was not set by the proxy alone.
    const [value, ...more] = headersDistinct[identityHeader] ?? [];
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
    if (value === undefined || value === '' || more.length > 0) return undefined;
    return proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') ? identityOf('header', value) : undefined;
  };
}

function presentedBy(req: IncomingMessage): string | undefined {
  const header = req.headers['x-api-key'];
  return typeof header === 'string' ? header : bearerOf(req);
}

export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}
