/**
 * Owns keeping a session under a lease that is another one: a place under it, and the store's word that nobody has
 * taken the session over.
 *
 * Invariants: without both the session is not touched; a place that was had in vain is given back, so it may be tried
 * again; an attempt under a lease that is lost meanwhile is in vain, whatever the store says in the end.
 */
import { CausewayError } from '@causeway/protocol';
import type { SessionDeps, SessionHeld } from './deps.ts';
import type { SessionParts } from './parts.ts';

export interface Readmission {
  readonly parts: SessionParts;
  readonly deps: Pick<SessionDeps, 'admit'>;
  readonly held: SessionHeld;
  /** Fires when the session ends. */
  readonly abandon: AbortSignal;
}

/** Rejects with CausewayError: `cluster.unavailable` says that it is not known yet. */
export async function readmit({ parts, deps, held, abandon }: Readmission): Promise<void> {
  const { permit } = held;
  const attempt = {};
  held.readmission = attempt;
  if (permit === undefined) throw new CausewayError('cluster.moved');
  const next = await deps.admit(permit.claim, { signal: abandon, revoked: () => parts.close('revoked') });
  try {
    if (!(await parts.ownership.confirm())) throw new CausewayError('cluster.moved');
    abandon.throwIfAborted();
    if (held.readmission !== attempt) throw new CausewayError('cluster.unavailable');
  } catch (error) {
    next.release();
    throw error;
  }
  held.permit = next;
}
