/**
 * Owns what the parts of an edge share: made once in open-context.ts, handed down, never stored elsewhere.
 */
import type { ServerResponse } from 'node:http';
import type { Cluster } from '@causeway/cluster';
import type { Config } from '@causeway/config';
import type { EdgeId, Identity, Reason, SessionClaims } from '@causeway/protocol';
import type { Clock, Counts, Durations, Log, Wheel } from '@causeway/runtime';
import type { Servers } from './servers.ts';
import type { CallNumbers } from './session/call-numbers.ts';
import type { Descriptions } from './session/descriptions.ts';
import type { Exchanges } from './session/exchanges.ts';
import type { PendingOpens } from './session/pending-opens.ts';
import type { Places } from './session/places.ts';
import type { Relocation } from './session/relocate.ts';

/** The groups of the configuration that an edge is given. */
export interface EdgeOptions {
  readonly listen: Config['listen'];
  readonly diagnostics: Config['diagnostics'];
  /** Absent: no listener for operators. */
  readonly admin?: Config['admin'];
  readonly http: Config['http'];
  readonly auth: Config['auth'];
  readonly streams: Config['streams'];
  readonly drain: Config['drain'];
}

export interface EdgeContext {
  readonly id: EdgeId;
  readonly cluster: Cluster;
  readonly exchanges: Exchanges;
  readonly servers: Servers;
  readonly opens: PendingOpens;
  readonly places: Places;
  readonly relocation: Relocation;
  readonly descriptions: Descriptions;
  readonly numbers: CallNumbers;
  /** Signs and verifies session ids. */
  readonly key: Buffer;
  /** Sessions by their ids, each verified here for the one audience that it has. */
  readonly verified: Map<string, VerifiedSession>;
  /** Open streams that no POST waits for: a drain sends their clients away, of a call that was resumed only when its time is over. */
  readonly streams: Set<OpenStream>;
  /** Responses that are over, but for what their clients have not taken: a drain waits for them. */
  readonly untaken: Set<ServerResponse>;
  /** Of what clients asked, from its coming to its answer. */
  readonly durations: Durations;
  /** The failures that clients were told. */
  readonly told: Counts<Reason>;
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly options: EdgeOptions;
  /** `unready`: balancers should look elsewhere. `closed`: no call and no stream is begun any more; what runs is finished. */
  readonly gate: { state: 'open' | 'unready' | 'closed' };
}

/** A stream to a client that was begun by itself, not with a call. */
export interface OpenStream {
  /** Whose it is. */
  readonly identity: Identity;
  /** The edge goes: ends it in a way that the client loses nothing, at once or when `late` says so; resolves when it has ended. */
  retire(late: AbortSignal): Promise<void>;
}

/** A session as its id describes it, verified for this server and this client. */
export interface KnownSession extends SessionClaims {
  readonly server: string;
  readonly identity: Identity;
}

export interface VerifiedSession extends KnownSession {
  readonly transport: 'streamable' | 'sse';
}
