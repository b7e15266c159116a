/**
 * Owns what is said of a session that ends here, to whoever asks for it: that it has moved, that it is gone, or that
 * neither is certain yet.
 *
 * Invariants: nobody is told that it is gone, nor is its end promised, before its record is: whoever could still find
 * the record would serve it again, also when this worker is lost next.
 */
import { verdictOf } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { SessionDeps } from './deps.ts';
import type { Ownership } from './ownership.ts';

const LEFT = 'The session has ended, but its record could not be removed yet.';

export class Aftermath {
  readonly #deps: Pick<SessionDeps, 'reply' | 'removeLater'>;
  readonly #forgotten = Promise.withResolvers<boolean>();
  readonly #settled = Promise.withResolvers<void>();
  #moved = false;
  /** Why it could not begin. */
  refusal: CausewayError | undefined;

  constructor(deps: Pick<SessionDeps, 'reply' | 'removeLater'>) {
    this.#deps = deps;
  }

  /** `moved`: another owner may take it up. `forgotten`: whether its record could be removed. */
  begin(moved: boolean, forgotten: Promise<boolean>, ownership: Ownership): void {
    this.#moved = moved;
    void forgotten.then(async (was) => {
      // Another owner may have had it by then.
      this.#moved ||= ownership.taken;
      this.#forgotten.resolve(was);
      if (!was) await this.#deps.removeLater(ownership);
      this.#settled.resolve();
    });
  }

  /** It has ended here, and another owner may take it up. */
  get moved(): boolean {
    return this.#moved;
  }

  /** Resolves when its record is gone, or somebody else's business. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** To a client that wants something of it. */
  refuse(reply: string | undefined): void {
    if (this.#moved) this.#deps.reply(reply, verdictOf(new CausewayError('cluster.moved')));
    else this.#answer(reply, (was) => new CausewayError(was ? 'request.session_unknown' : 'cluster.unavailable', { retryAfter: 2 }));
  }

  /** To whoever has asked for the end. */
  promise(reply: string | undefined): void {
    this.#answer(reply, (was) => (was ? undefined : new CausewayError('cluster.owner_unheard', { message: LEFT })));
  }

  /** `outcome`: what is to be said when it is known whether the record is gone. */
  #answer(reply: string | undefined, outcome: (was: boolean) => CausewayError | undefined): void {
    void this.#forgotten.promise.then((was) => {
      const error = this.#moved ? new CausewayError('cluster.moved') : outcome(was);
      this.#deps.reply(reply, error ? verdictOf(error) : { t: 'ok' });
    });
  }
}
