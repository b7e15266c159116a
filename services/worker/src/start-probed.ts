/**
 * Owns how a child is started that is looked at and belongs to no session.
 * Invariant: its mark names it alone, and is among those that are held for exactly as long as it lives, so that what it leaves
 * behind is swept as what a session leaves.
 */
import { randomBytes } from 'node:crypto';
import type { ServerConfig } from '@causeway/config';
import type { SessionToken } from '@causeway/protocol';
import type { Child, ChildListeners } from './child/child.ts';
import type { StartChild } from './starts.ts';

/** Rejects as `StartChild`. */
export type StartProbed = (server: ServerConfig, listeners: ChildListeners, signal?: AbortSignal) => Promise<Child>;

/** `marks`: the names in marks of children that are not left behind. */
export function startProbed(start: StartChild, marks: Set<string>): StartProbed {
  return async (server, listeners, signal) => {
    const token = `probe-${randomBytes(6).toString('base64url')}` as SessionToken;
    marks.add(token);
    try {
      return await start({ token, epoch: 1 }, server, { ...listeners, exit }, signal);
    } catch (error) {
      marks.delete(token);
      throw error;
    }
    function exit(how: Parameters<ChildListeners['exit']>[0]): void {
      marks.delete(token);
      listeners.exit(how);
    }
  };
}
