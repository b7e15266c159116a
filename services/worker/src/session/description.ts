/** Owns what operators are told of a session. Pure; nothing of it opens anything. */
import type { SessionDescription } from '@causeway/cluster';
import { identityLabel, revisionLabel, type WorkerId } from '@causeway/protocol';
import type { SessionParts } from './parts.ts';
import type { SessionState } from './states.ts';

export function describeSession(session: SessionParts, worker: WorkerId, state: SessionState['kind']): SessionDescription {
  const { token, epoch, server, identity, transport, created, idle, calls, streams } = session;
  return {
    id: token,
    server: server.name,
    worker,
    epoch,
    state,
    identity: identityLabel(identity),
    transport,
    revision: revisionLabel(session.revision()),
    opened: new Date(created).toISOString(),
    idleMs: Math.round(idle.ms),
    calls: calls.size,
    streams: [...streams.all()].filter((stream) => stream.kind !== 'call' && stream.to !== undefined).length,
    pid: session.child()?.pid ?? null,
  };
}
