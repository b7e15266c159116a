/**
 * Owns how a session gets a child that shakes hands, of whichever era its server is: as it is, behind the translation
 * (legacy-over-modern.ts), or, while that is not known, as it is until it refuses the handshake.
 */
import type { OwnedSession } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import type { Log, Wheel } from '@causeway/runtime';
import type { Child, ChildListeners } from '../child/child.ts';
import type { StartChild } from '../starts.ts';
import type { Eras } from './eras.ts';
import { LegacyOverModern } from './legacy-over-modern.ts';
import { TriedChild, type Via } from './tried-child.ts';

export interface StartInEraDeps {
  readonly start: StartChild;
  readonly eras: Eras;
  readonly wheel: Wheel;
  readonly log: Log;
}

export function startInEra({ start, eras, wheel, log }: StartInEraDeps): StartChild {
  return async (session, server, listeners, signal) => {
    const scoped = log.child({ server: server.name, session: session.token.slice(0, 8) });
    const startVia = (via: Via, hears: ChildListeners, until?: AbortSignal): Promise<Child> =>
      via === 'legacy'
        ? start(session, server, hears, until)
        : startTranslated({ start, session, server, wheel, log: scoped }, hears, until);
    const via = eras.legacy(server) === false ? 'modern' : 'legacy';
    if (server.era !== 'auto') return startVia(via, listeners, signal);
    const tried = new TriedChild({ server, eras, log: scoped, listeners, start: startVia }, via);
    return tried.begin(signal);
  };
}

interface Translated {
  readonly start: StartChild;
  readonly session: OwnedSession;
  readonly server: ServerConfig;
  readonly wheel: Wheel;
  readonly log: Log;
}

async function startTranslated(one: Translated, listeners: ChildListeners, signal?: AbortSignal): Promise<Child> {
  const { start, session, server, wheel, log } = one;
  const adapter = new LegacyOverModern({ server: server.name, wheel, log, listeners });
  return adapter.attach(await start(session, server, adapter.hearing, signal));
}
