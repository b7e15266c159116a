/**
 * Owns the `requestState` that a client of the stateless era holds between the rounds of one call: where the call waits,
 * what the server itself wants back, and the proof that it is ours, for this client, this server and this very request.
 * Pure (crypto only). Source: 2026-07-28 basic/patterns/mrtr (state is hostile input), BAR S-rows on replayed state.
 *
 * Invariants: encrypted and authenticated under a key of the whole cluster; it expires; any change of a bit, of spelling
 * too, makes it invalid. That it is used once is the worker's to keep, where the call waits.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Identity, WorkerId } from './ids.ts';

/** What the state is bound to: a retry with anything else is refused. */
export interface StateAudience {
  readonly identity: Identity;
  readonly server: string;
  readonly method: string;
  /** The tool, prompt or resource. */
  readonly name: string;
}

export interface RequestState {
  readonly worker: WorkerId;
  /** A call that waits at that worker; absent: nothing waits, the server's own state is all there is. */
  readonly parked?: string;
  /** The process that asked: the retry goes there while it lives. */
  readonly process?: string;
  /** The server's own state, as it gave it. */
  readonly inner?: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

const VERSION = 1;
const NONCE = 12;
const TAG = 16;

const keyFrom = (key: Uint8Array): Uint8Array => new Uint8Array(hkdfSync('sha256', key, '', 'causeway request state', 32));
const bound = ({ identity, server, method, name }: StateAudience): Buffer => Buffer.from(JSON.stringify([identity, server, method, name]));

export function sealState(key: Uint8Array, state: RequestState, audience: StateAudience): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', keyFrom(key), nonce).setAAD(bound(audience));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(state)), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, sealed, cipher.getAuthTag()]).toString('base64url');
}

/**
 * `undefined` if we did not seal it for this audience, or it has expired. `now`: milliseconds since 1970. How long a call waits
 * is the worker's to say where it does, whatever the clock here.
 */
export function openState(key: Uint8Array, text: string, audience: StateAudience, now: number): RequestState | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= 1 + NONCE + TAG || bytes[0] !== VERSION || bytes.toString('base64url') !== text) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', keyFrom(key), bytes.subarray(1, 1 + NONCE), { authTagLength: TAG })
    .setAAD(bound(audience))
    .setAuthTag(bytes.subarray(-TAG));
  try {
    const opened = Buffer.concat([decipher.update(bytes.subarray(1 + NONCE, -TAG)), decipher.final()]);
    const state = JSON.parse(opened.toString()) as RequestState;
    return state.parked !== undefined || state.expires > now ? state : undefined;
  } catch {
    return undefined;
  }
}
