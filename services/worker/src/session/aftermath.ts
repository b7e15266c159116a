/**
 * Owns what is said of a session that ends here, to whoever asks for it: that it has moved, that it is gone, or that
 * neither is certain yet.
 *
 * Invariants: nobody is told that it is gone, nor is its end promised, before its record is: whoever could still find
 * the record would serve it again, also when this worker is lost next.
 */
import { verdictOf, type VerdictHead } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { SessionDeps } from './deps.ts';
import type { Ownership } from './ownership.ts';

export class Aftermath {
  readonly #deps: Pick<SessionDeps, 'reply' | 'removeLater'>;
  readonly #forgotten = Promise.withResolvers<boolean>();
  readonly #settled = Promise.withResolvers<void>();
  #moved = false;

  constructor(deps: Pick<SessionDeps, 'reply' | 'removeLater'>) {
    this.#deps = deps;
  }

  /** `moved`: another owner may take it up. `forgotten`: whether its record could be removed. */
  begin(moved: boolean, forgotten: Promise<boolean>, ownership: Ownership): void {
    this.#moved = moved;
    void forgotten.then(async (was) => {
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
    else this.#answer(reply, () => verdictOf(new CausewayError('request.session_unknown')));
  }

  /** To whoever has asked for the end. */
  promise(reply: string | undefined): void {
    this.#answer(reply, () => ({ t: 'ok' }));
  }

  #answer(reply: string | undefined, gone: () => VerdictHead): void {
    void this.#forgotten.promise.then((was) =>
      this.#deps.reply(reply, was ? gone() : verdictOf(new CausewayError('cluster.unavailable', { retryAfter: 2 }))),
    );
  }
}
