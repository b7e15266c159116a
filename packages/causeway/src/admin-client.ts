/**
 * Owns asking a running bridge: which one, with which token, and what its refusals mean as exit codes.
 * Invariant: the token goes to the URL that it belongs to, and nowhere else.
 */
import { findBridges, onlyCluster, type FoundBridge } from './admin-file.ts';
import { EXIT, Failure } from './failure.ts';
import { ask } from './http-question.ts';

/** What the user said about whom to ask. */
export interface Asked {
  readonly admin?: string;
  readonly token?: string;
}

export interface Target {
  readonly url: string;
  /** Absent where nobody has said one: the bridge says whether it asks for it. */
  readonly token?: string;
}

/** Milliseconds for one answer: the end of a session waits for its child. */
const WAIT = 20_000;
const GIVE_TOKEN = 'give it with --token or CAUSEWAY_ADMIN_TOKEN';
const NAME_ANOTHER = 'name another bridge with --admin URL, and its token with --token or CAUSEWAY_ADMIN_TOKEN';

/** Whom to ask. Throws a `Failure` where that is not clear. */
export function chooseTarget(asked: Asked, found: readonly FoundBridge[], env: Readonly<Record<string, string | undefined>>): Target {
  const given = asked.token ?? (env['CAUSEWAY_ADMIN_TOKEN'] || undefined);
  if (asked.admin !== undefined) {
    const url = originOf(asked.admin);
    return withToken(url, asked.token ?? found.find((one) => one.url === url)?.token ?? given);
  }
  const newest = onlyCluster(found, ({ url }) => `--admin ${url}`);
  if (newest === undefined) {
    const port = env['CAUSEWAY_ADMIN_PORT'];
    if (given !== undefined) return withToken(`http://127.0.0.1:${/^\d+$/.test(port ?? '') ? port : 8001}`, given);
    throw new Failure(EXIT.unreachable, 'no bridge of this user runs on this machine', [NAME_ANOTHER]);
  }
  return withToken(newest.url, asked.token ?? newest.token ?? given);
}

function originOf(url: string): string {
  const full = url.includes('://') ? url : `http://${url}`;
  if (URL.canParse(full) && /^https?:/.test(full)) return new URL(full).origin;
  throw new Failure(EXIT.usage, `--admin ${url}: not an http URL`);
}

function withToken(url: string, token: string | undefined): Target {
  if (token === undefined) return { url };
  if (/^[\x21-\x7e]+$/.test(token)) return { url, token };
  throw new Failure(EXIT.auth, 'the token is empty, or has characters that no token has', [GIVE_TOKEN]);
}

export class AdminClient {
  readonly #target: Target;
  readonly #wait: number;

  /** `wait`: milliseconds for each answer. */
  constructor(asked: Asked, wait = WAIT) {
    this.#wait = wait;
    this.#target = chooseTarget(asked, findBridges(), process.env);
  }

  /** `path` is below `/api/v1/`. Rejects with a `Failure`. */
  async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<T> {
    const { url, token } = this.#target;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { status, text } = await ask(new URL(`/api/v1/${path}`, url), { method, headers, wait: this.#wait, hints: [NAME_ANOTHER] });
    const body = parsed(text);
    if (status === 200 && body !== undefined) return body as T;
    const refusal = body?.error;
    if (typeof refusal?.reason !== 'string')
      throw new Failure(EXIT.unreachable, `${url} is no admin API of causeway (status ${status})`, [
        'the admin API has a port of its own, 8001 unless another was configured',
      ]);
    const matches = Array.isArray(refusal.matches) ? refusal.matches.map(String) : [];
    const hints = status !== 401 ? [] : [token === undefined ? GIVE_TOKEN : 'the token is another: --token or CAUSEWAY_ADMIN_TOKEN'];
    throw new Failure(exitCodeOf(status, refusal.reason), String(refusal.message), [...matches, ...hints], refusal.reason);
  }
}

interface Body {
  readonly error?: { readonly reason?: unknown; readonly message?: unknown; readonly matches?: unknown };
}

function parsed(text: string): Body | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

function exitCodeOf(status: number, reason: string): number {
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 400 || status === 409) return EXIT.usage;
  if (reason.startsWith('limit.')) return EXIT.limit;
  return reason === 'cluster.unavailable' || reason === 'cluster.owner_silent' ? EXIT.unreachable : EXIT.unexpected;
}
