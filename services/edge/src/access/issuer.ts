/**
 * Owns what the bridge itself fetches: the metadata and the keys of the configured identity provider, and nothing else (BAR S41).
 * Sources: RFC 8414 §3, OpenID Connect Discovery 1.0 §4, RFC 7517 §5.
 *
 * Invariants: only addresses that are configured, or that the provider's own metadata names and that are https or on its own
 * origin; no redirect is followed; every fetch has a deadline and a bound; after one that failed there is a rest.
 */
import type { JwtConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import type { Clock, Log } from '@causeway/runtime';

/** Milliseconds for one document. */
const DEADLINE = 5_000;
/** Milliseconds after a failure in which nothing is fetched. */
const REST = 2_000;
/** Bytes of a document. */
const LARGEST = 1024 * 1024;

export interface IssuerDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export class Issuer {
  readonly #config: JwtConfig;
  readonly #deps: IssuerDeps;
  #failed: { readonly at: number; readonly error: unknown } | undefined;

  constructor(config: JwtConfig, deps: IssuerDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** Where its keys are. Rejects with `cluster.issuer_unavailable`. */
  async keysUrl(): Promise<URL> {
    const { jwks, issuer } = this.#config;
    return jwks === undefined ? this.#ask(() => discover(issuer)) : new URL(jwks);
  }

  /** Its keys, in the form that jose asks for them. Rejects with `cluster.issuer_unavailable`. */
  keys(url: string): Promise<Response> {
    return this.#ask(async () => Response.json(await documentAt(url)));
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#deps;
    const { issuer } = this.#config;
    if (this.#failed !== undefined && clock.monotonic() - this.#failed.at < REST) throw unavailable(this.#failed.error);
    try {
      const answer = await ask();
      this.#failed = undefined;
      return answer;
    } catch (error) {
      this.#failed = { at: clock.monotonic(), error };
      log.warn({ err: error, issuer }, 'the keys of the identity provider cannot be had');
      throw unavailable(error);
    }
  }
}

/** Where its keys are, and how many there are; nothing is kept. Rejects with what is wrong. */
export async function examineIssuer({ issuer, jwks }: JwtConfig): Promise<{ readonly url: string; readonly keys: number }> {
  const url = jwks ?? (await discover(issuer)).href;
  const { keys } = (await documentAt(url)) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error(`${url} has no keys`);
  return { url, keys: keys.length };
}

function unavailable(cause: unknown): CausewayError {
  return new CausewayError('cluster.issuer_unavailable', { cause });
}

/** What its metadata says, at the first of the usual places that has any. */
async function discover(issuer: string): Promise<URL> {
  const failures: string[] = [];
  for (const url of metadataUrls(issuer)) {
    const metadata = await documentAt(url).catch((error: Error) => void failures.push(error.message));
    if (metadata !== undefined) return keysIn(metadata, issuer, url);
  }
  throw new Error(failures.join('; '));
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [`${origin}/.well-known/oauth-authorization-server${path}`, `${origin}${path}/.well-known/openid-configuration`];
}

function keysIn(metadata: unknown, issuer: string, url: string): URL {
  const { issuer: named, jwks_uri: written } = metadata as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  if (named !== issuer) throw new Error(`${url} is of the issuer ${JSON.stringify(named)}, not ${JSON.stringify(issuer)}`);
  const keys = typeof written === 'string' ? URL.parse(written) : null;
  if (keys === null || (keys.protocol !== 'https:' && keys.origin !== new URL(issuer).origin))
    throw new Error(`${url} names no address of keys that is https: ${JSON.stringify(written)}`);
  return keys;
}

async function documentAt(url: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE),
  }).catch((error: Error) => {
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    throw new Error(`${url} cannot be reached: ${code ?? message}`, { cause: error });
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}, not 200`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > LARGEST) throw new Error(`${url} answers more than ${LARGEST} bytes`);
    parts.push(part);
  }
  const document: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
  if (typeof document !== 'object' || document === null) throw new Error(`${url} is no JSON object`);
  return document;
}
