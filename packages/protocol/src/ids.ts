/**
 * Owns the ids that Causeway mints and the proof that a session id is ours. Pure (crypto only).
 *
 * A session id is `1<owner:12><issued:7><revision:1><token:22><mac:22>`: the owner hint names the worker that
 * opened it, `issued` is seconds since 1970 in base 36, `revision` stands for the one that was agreed on,
 * the token is 132 random bits, the MAC covers all of it together with the server's name, the transport and the identity that opened it. So an id is refused before anything
 * is published unless it was minted here, for this server, transport and identity (DECISIONS 6, BAR S02, S03).
 * Only the token travels on the bus: subjects and logs never show an id that would be accepted.
 */
import { createHash, createHmac, createSecretKey, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { LEGACY_REVISIONS, type AgreedRevision } from './revisions.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** One life of a worker process: 12 characters `[A-Za-z0-9]`, made anew at every start. */
export type WorkerId = Branded<'WorkerId'>;
/** One life of an edge process; same form as a worker's. */
export type EdgeId = Branded<'EdgeId'>;
/** What a client holds: 65 visible ASCII characters. */
export type SessionId = Branded<'SessionId'>;
/** The session's name inside the cluster: the random part of its id, `[A-Za-z0-9_-]{22}`. */
export type SessionToken = Branded<'SessionToken'>;
/** Issuer and subject, hashed: 22 characters `[A-Za-z0-9_-]`. Never token bytes. */
export type Identity = Branded<'Identity'>;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function randomName(length: number): string {
  let name = '';
  while (name.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && name.length < length) name += ALPHABET[byte % 62];
    }
  }
  return name;
}

export const newWorkerId = (): WorkerId => randomName(12) as WorkerId;
export const newEdgeId = (): EdgeId => randomName(12) as EdgeId;

/** The identity of `subject` as vouched for by `issuer`, e.g. `identityOf('api-key', 'team-a')`. */
export function identityOf(issuer: string, subject: string): Identity {
  return createHash('sha256').update(`${issuer.length}:${issuer}${subject}`).digest('base64url').slice(0, 22) as Identity;
}

export const ANONYMOUS: Identity = identityOf('anonymous', '');

/** What an identity is called where people read: `anonymous`, or the first 8 characters of its hash. */
export function identityLabel(identity: Identity): string {
  return identity === ANONYMOUS ? 'anonymous' : identity.slice(0, 8);
}

export interface SessionClaims {
  readonly owner: WorkerId;
  readonly token: SessionToken;
  /** Seconds since 1970. */
  readonly issued: number;
  /** The revision that was agreed on, where that was known before the client was told the id. */
  readonly revision: AgreedRevision | undefined;
}

/** For whom an id is valid. */
export interface SessionAudience {
  readonly server: string;
  readonly identity: Identity;
  /** A session of one transport is unknown to the other. */
  readonly transport: 'streamable' | 'sse';
}

const FORM = /^1([0-9A-Za-z]{12})([0-9a-z]{7})([0-9-])([\w-]{22})([\w-]{22})$/;

/** Of each key, what Node makes of it: bytes would be made into one anew for each MAC, which takes five times as long as the MAC. */
const PREPARED = new WeakMap<Uint8Array, KeyObject>();

function prepared(key: Uint8Array): KeyObject {
  const known = PREPARED.get(key);
  if (known) return known;
  const made = createSecretKey(key);
  PREPARED.set(key, made);
  return made;
}

function mac(key: Uint8Array, body: string, audience: SessionAudience): Buffer {
  return createHmac('sha256', prepared(key))
    .update(`${body} ${audience.identity} ${audience.transport} ${audience.server}`)
    .digest()
    .subarray(0, 16);
}

export interface NewSession {
  readonly owner: WorkerId;
  readonly audience: SessionAudience;
  readonly revision: AgreedRevision | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function mintSession(key: Uint8Array, { owner, audience, revision, now }: NewSession): SessionClaims & { readonly id: SessionId } {
  const token = randomBytes(17).toString('base64url').slice(0, 22) as SessionToken;
  const claims = { owner, token, issued: Math.floor(now / 1000), revision };
  return { id: sealSession(key, claims, audience), ...claims };
}

/** The id that says so. */
export function sealSession(key: Uint8Array, { owner, token, issued, revision }: SessionClaims, audience: SessionAudience): SessionId {
  const body = `1${owner}${issued.toString(36).padStart(7, '0')}${digitOf(revision)}${token}`;
  return (body + mac(key, body, audience).toString('base64url')) as SessionId;
}

/** Beyond the revisions that there are, so that whoever does not know it reads nothing from it. */
const OTHER = '9';

function digitOf(revision: AgreedRevision | undefined): string {
  if (revision === 'other') return OTHER;
  return revision === undefined ? '-' : String(LEGACY_REVISIONS.indexOf(revision));
}

/** What the id says, or `undefined` if we did not mint it for this audience. Constant-time in the MAC. */
export function verifySession(key: Uint8Array, id: string, audience: SessionAudience): SessionClaims | undefined {
  const match = FORM.exec(id);
  if (!match) return undefined;
  const [, owner, issued = '', digit = '', token, given = ''] = match;
  const bytes = Buffer.from(given, 'base64url');
  if (bytes.toString('base64url') !== given) return undefined;
  if (!timingSafeEqual(bytes, mac(key, id.slice(0, -given.length), audience))) return undefined;
  const revision = digit === OTHER ? 'other' : digit === '-' ? undefined : LEGACY_REVISIONS[Number(digit)];
  return { owner: owner as WorkerId, token: token as SessionToken, issued: Number.parseInt(issued, 36), revision };
}

/** The token that stands in a session id, whoever minted it: for people who hold an id and look for its session. */
export function tokenOf(id: string): SessionToken | undefined {
  return FORM.exec(id)?.[4] as SessionToken | undefined;
}
