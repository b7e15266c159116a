/**
 * Owns what a client has asked of its server for as long as the session lasts: subscriptions and the level of logs.
 * A new child of the same session is asked for it again. Pure.
 *
 * Invariants: only what the server has granted counts; the texts are the client's own; their number and size are
 * bounded, and what goes beyond is not remembered.
 */
import type { StandingRecord } from '@causeway/cluster';
import { memberText, type Frame } from '@causeway/protocol';
import type { Call } from './calls.ts';

const SUBSCRIBE = 'resources/subscribe';
const UNSUBSCRIBE = 'resources/unsubscribe';
const LEVEL = 'logging/setLevel';
const WATCHED: ReadonlySet<string> = new Set([SUBSCRIBE, UNSUBSCRIBE, LEVEL]);
const MAX_SUBSCRIPTIONS = 256;
/** Bytes of one request's parameters. */
const MAX_PARAMS = 4_096;

export interface StandingRequest {
  readonly method: string;
  /** Raw JSON text. */
  readonly params: string;
}

export class Standing {
  readonly #changed: () => void;
  readonly #asked = new WeakMap<Call, string>();
  /** By URI, as the client spelt the request. */
  readonly #subscriptions = new Map<string, string>();
  #level: string | undefined;

  /** `changed` is called after every change. */
  constructor(changed: () => void, from?: StandingRecord) {
    this.#changed = changed;
    this.#level = from?.level;
    for (const params of from?.subscriptions ?? []) this.#subscriptions.set(uriOf(params), params);
  }

  /** A request is on its way to the server. */
  asked(call: Call, body: Buffer): void {
    if (!WATCHED.has(call.method)) return;
    const params = memberText(body, 'params');
    if (params !== undefined && params.length <= MAX_PARAMS) this.#asked.set(call, params);
  }

  /** The server has answered it. */
  answered(call: Call, answer: Frame): void {
    const params = this.#asked.get(call);
    if (params === undefined || memberText(answer.bytes, 'result') === undefined) return;
    if (this.#take(call.method, params)) this.#changed();
  }

  /** Whether that is anything new. */
  #take(method: string, params: string): boolean {
    if (method === LEVEL) {
      const before = this.#level;
      this.#level = params;
      return before !== params;
    }
    const uri = uriOf(params);
    if (method === UNSUBSCRIBE) return this.#subscriptions.delete(uri);
    const known = this.#subscriptions.get(uri);
    if (known === params || (known === undefined && this.#subscriptions.size >= MAX_SUBSCRIPTIONS)) return false;
    this.#subscriptions.set(uri, params);
    return true;
  }

  /** What a new child is asked for. */
  requests(): readonly StandingRequest[] {
    const level = this.#level === undefined ? [] : [{ method: LEVEL, params: this.#level }];
    return [...level, ...[...this.#subscriptions.values()].map((params) => ({ method: SUBSCRIBE, params }))];
  }

  record(): StandingRecord {
    return { subscriptions: [...this.#subscriptions.values()], ...(this.#level === undefined ? {} : { level: this.#level }) };
  }
}

/** The parameters were read as JSON before. */
function uriOf(params: string): string {
  const parsed = JSON.parse(params) as { uri?: unknown } | null;
  return typeof parsed?.uri === 'string' ? parsed.uri : params;
}
