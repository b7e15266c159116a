/**
 * Owns what this edge knows of where sessions are: the id says where a session began, and what was learnt since
 * stands before it. Bounded: what is forgotten is learnt again from the session's record.
 */
import type { Place } from '@causeway/cluster';
import type { SessionToken } from '@causeway/protocol';
import { rememberAs } from '@causeway/runtime';
import type { KnownSession } from '../context.ts';

const REMEMBERED = 16_384;

export class Places {
  readonly #known = new Map<SessionToken, Place>();

  of({ token, owner }: Pick<KnownSession, 'token' | 'owner'>): Place {
    return this.#known.get(token) ?? { owner, epoch: 1 };
  }

  /** A later owner than the one that is known. */
  learn(token: SessionToken, place: Place): void {
    const known = this.#known.get(token);
    if (known === undefined || known.epoch < place.epoch) this.correct(token, place);
  }

  /** Whom the record names, where the one that was known has said that it is not its owner. */
  correct(token: SessionToken, place: Place): void {
    rememberAs(this.#known, token, place, REMEMBERED);
  }
}
