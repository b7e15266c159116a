/**
 * Owns the manners of a load client: to which edge each attempt goes, what may be tried again, how long it waits in
 * between and when it gives up. What may have been executed is never tried again.
 */
import { setTimeout as after } from 'node:timers/promises';
import type { Message } from '../harness/speak.ts';
import { pick, type Random } from '../harness/random.ts';
import { messagesIn } from './hearing.ts';
import type { Ended } from './wire.ts';

/** Milliseconds for which a request is tried again. */
const PATIENCE = 30_000;
/** Milliseconds of a Retry-After that are honoured. */
const LONGEST_WAIT = 1_000;

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly executed: string;
}

/** What an answer that is no success says about itself. */
export function refusalOf(status: number, text: string): Refusal {
  return { status, ...verdictOf(messagesIn(text).find(({ error }) => error !== undefined)?.error, `http.${status}`) };
}

/** Milliseconds after which to try again, or `undefined` where the request has had its answer. */
export function retryWait(ended: Ended): number | undefined {
  if (ended.kind === 'unanswered') return ended.code === 'ABORT_ERR' ? undefined : 50;
  if (ended.status !== 503 && ended.status !== 429) return undefined;
  if (refusalOf(ended.status, ended.text).executed !== 'no') return undefined;
  return Math.min(LONGEST_WAIT, Number(ended.headers['retry-after'] ?? 1) * 1_000);
}

export class Attempts {
  readonly #bases: () => readonly string[];
  readonly #random: Random;
  readonly #until: number;
  #last: string | undefined;

  constructor(bases: () => readonly string[], random: Random, patience = PATIENCE) {
    this.#bases = bases;
    this.#random = random;
    this.#until = Date.now() + patience;
  }

  /** An edge; not the one of the attempt before, if there is another. Waits while there is none. */
  async edge(): Promise<string | undefined> {
    while (Date.now() < this.#until) {
      const bases = this.#bases();
      const others = bases.length > 1 ? bases.filter((one) => one !== this.#last) : bases;
      if (others.length > 0) return (this.#last = pick(this.#random, others));
      await after(50);
    }
    return undefined;
  }

  /** Waits about that long, so that not all come back at once; false when it is time to give up. */
  async again(ms: number): Promise<boolean> {
    await after(ms / 2 + this.#random(Math.max(1, ms / 2)));
    return Date.now() < this.#until;
  }
}

/** The error of a final message as an outcome. */
export function errorOf({ error }: Message): Pick<Refusal, 'reason' | 'executed'> {
  return verdictOf(error, `code.${error?.code}`);
}

/** `otherwise`: the reason of an error that gives none, which is none of the bridge. */
function verdictOf(error: Message['error'], otherwise: string): Pick<Refusal, 'reason' | 'executed'> {
  const { reason, executed } = error?.data ?? {};
  return { reason: typeof reason === 'string' ? reason : otherwise, executed: typeof executed === 'string' ? executed : 'unknown' };
}
