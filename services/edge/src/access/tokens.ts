/**
 * Owns the tokens of an identity provider: whether one is genuine, of whom, for what, for how long (BAR S17, S49). The only
 * place that knows JWTs; what they are made of is jose's.
 * Sources: MCP basic/authorization (2025-06-18 and later); RFC 9068 §4.
 *
 * Invariants: a token is believed for half a minute without another look, and never longer than it says itself; a key that was
 * taken back is worth nothing a minute later, as long as the provider can be asked; whatever clients send, it is asked for its
 * keys once in half a minute at most; tokens are not kept.
 */
import { hash } from 'node:crypto';
import type { JwtConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import { rememberAs, type Clock } from '@causeway/runtime';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { Issuer, type IssuerDeps } from './issuer.ts';

/** What a token vouches for. */
export interface Verified {
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
  /** Milliseconds since 1970 from which it is worth nothing. */
  readonly until: number;
}

/** Seconds that clocks may differ by. */
const SKEW = 30;
/** Milliseconds for which a token is believed without another look. */
const BELIEVED = 30_000;
/** Milliseconds after which the keys are looked at anew, and until which none that is unknown is asked for again. */
const KEYS_AGE = 30_000;
/** Milliseconds for which the keys are used while the provider cannot be asked. */
const KEYS_STALE = 60 * 60_000;
/** Tokens that are believed at once. */
const REMEMBERED = 4_096;

type Keys = ReturnType<typeof createRemoteJWKSet>;

export class Tokens {
  readonly #config: JwtConfig;
  readonly #clock: Clock;
  readonly #issuer: Issuer;
  readonly #believed = new Map<string, { readonly verified: Verified; readonly until: number }>();
  #keys: Promise<Keys> | undefined;
  /** Monotonic milliseconds: when the keys were last asked for, and when they were last had. */
  #asked = Number.NEGATIVE_INFINITY;
  #had = Number.NEGATIVE_INFINITY;

  constructor(config: JwtConfig, deps: IssuerDeps) {
    this.#config = config;
    this.#clock = deps.clock;
    this.#issuer = new Issuer(config, deps);
  }

  /** Looks at the keys once, so that the log tells at the start what would fail later. */
  prepare(): void {
    this.#open()
      .then((keys) => this.#refresh(keys))
      .catch(() => undefined);
  }

  /** What it vouches for; a promise where it has to be looked at. Rejects with `request.unauthorized` or `cluster.issuer_unavailable`. */
  verify(token: string): Verified | Promise<Verified> {
    const name = hash('sha256', token, 'base64url');
    const known = this.#believed.get(name);
    if (known !== undefined && this.#clock.now() < known.until) return known.verified;
    this.#believed.delete(name);
    return this.#look(token, name);
  }

  async #look(token: string, name: string): Promise<Verified> {
    const verified = read(await this.#payload(token));
    const until = Math.min(verified.until, this.#clock.now() + BELIEVED);
    rememberAs(this.#believed, name, { verified, until }, REMEMBERED);
    return verified;
  }

  async #payload(token: string): Promise<JWTPayload> {
    const { issuer, audience, algorithms, type } = this.#config;
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        issuer,
        audience: [...audience],
        algorithms: [...algorithms],
        ...(type === undefined ? {} : { typ: type }),
        clockTolerance: SKEW,
        currentDate: new Date(this.#clock.now()),
        requiredClaims: ['exp', 'sub'],
      });
      return payload;
    } catch (error) {
      throw inOurWords(error, issuer);
    }
  }

  /** With keys that a token does not name, each would have to be tried. */
  readonly #key: JWTVerifyGetKey = async (header, token) => {
    if (typeof header.kid !== 'string') throw refused('it does not name its key (kid)');
    const keys = await this.#open();
    await this.#refresh(keys);
    return keys(header, token);
  };

  /** Found again where it could not be. */
  #open(): Promise<Keys> {
    this.#keys ??= this.#find().catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  async #find(): Promise<Keys> {
    return createRemoteJWKSet(await this.#issuer.keysUrl(), {
      cooldownDuration: KEYS_AGE,
      // How old they may be is looked at here: keys that are old are better than none.
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: (url) => this.#fetch(url),
    });
  }

  async #fetch(url: string): Promise<Response> {
    this.#asked = this.#clock.monotonic();
    const keys = await this.#issuer.keys(url);
    this.#had = this.#clock.monotonic();
    return keys;
  }

  async #refresh(keys: Keys): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#asked < KEYS_AGE && !keys.reloading) return;
    await keys.reload().catch((error: unknown) => {
      if (now - this.#had > KEYS_STALE) throw error;
    });
  }
}

function read({ sub, exp, scope, scp }: JWTPayload): Verified {
  if (typeof sub !== 'string' || sub === '') throw refused('it names nobody (sub)');
  // RFC 9068 §2.2.3; as `scp` some providers write the same.
  const written = [scope ?? scp].flat().flatMap((one) => (typeof one === 'string' ? one.split(' ') : []));
  return { subject: sub, scopes: new Set(written), until: (exp! + SKEW) * 1000 };
}

function refused(why: string): CausewayError {
  return new CausewayError('request.unauthorized', { message: `The token is not accepted: ${why}.` });
}

/** What jose found, as a reason of the error table. What is none of a token's faults stays as it is. */
function inOurWords(error: unknown, issuer: string): unknown {
  if (error instanceof errors.JWTExpired) return refused('it has expired');
  if (error instanceof errors.JWTClaimValidationFailed) return refused(claimFault(error, issuer));
  if (error instanceof errors.JWKSNoMatchingKey) return refused('its issuer has no such key');
  if (error instanceof errors.JWKSMultipleMatchingKeys) return refused('its issuer has several keys of that name');
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused('its signature is wrong');
  if (error instanceof errors.JOSEAlgNotAllowed) return refused('its algorithm is not allowed');
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return refused('it is no JWT');
  if (error instanceof errors.JOSENotSupported) return refused('it asks for what is not supported');
  if (error instanceof errors.JOSEError) return new CausewayError('cluster.issuer_unavailable', { cause: error });
  return error;
}

function claimFault({ claim, reason }: errors.JWTClaimValidationFailed, issuer: string): string {
  if (reason === 'missing') return `it lacks "${claim}"`;
  if (claim === 'iss') return `its issuer is not ${issuer}`;
  if (claim === 'aud') return 'it is for somebody else (aud)';
  if (claim === 'nbf') return 'it is not valid yet';
  return `its "${claim}" is not what it must be`;
}
