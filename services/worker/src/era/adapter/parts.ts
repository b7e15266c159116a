/** Owns the shape of the insides of a server of the stateless era that is seen as one with a handshake, for its two directions. */
import type { LogLevel, Outline } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import type { Child, ChildListeners } from '../../child/child.ts';
import type { Asking } from './asking.ts';
import type { ClientMeta } from './client-meta.ts';
import type { OpenCalls } from './open-calls.ts';
import type { Declared } from './outcome.ts';
import type { Subscription } from '../subscription.ts';

export type OwnAnswer = (bytes: Buffer, message: Outline) => void;

export interface AdapterParts {
  /** The server's name. */
  readonly server: string;
  readonly wheel: Wheel;
  readonly log: Log;
  readonly listeners: ChildListeners;
  readonly calls: OpenCalls;
  readonly asking: Asking;
  readonly subscription: Subscription;
  /** Of the session's client; made by its `initialize`. */
  clientMeta: ClientMeta;
  /** By the server, when it was discovered. */
  declared: Declared;
  /** Of the logs that the client wants: all, until it says otherwise, as servers with a handshake log. */
  level: LogLevel;
  /** Requests of the adapter's own, by id. */
  readonly own: Map<number, OwnAnswer>;
  readonly child: () => Child | undefined;
  /** An id that nothing else has, here and there. */
  readonly mint: () => number;
  /** To the server; `false`: it does not read. */
  readonly send: (bytes: Uint8Array) => boolean;
  /** To the session, now; `call`: what it belongs to. */
  readonly say: (bytes: Buffer, call?: number) => void;
  /** Answers a request of the session, not before that is written. `outcome`: a member, JSON text. */
  readonly tell: (internal: number, outcome: string) => void;
  /** Asks the server in the adapter's own name; `more`: members of `params` as JSON text. The id, or undefined if it does not read. */
  readonly ask: (method: string, more: string | undefined, answered: OwnAnswer) => number | undefined;
  /** Nobody waits any more for the answer to the request of that id. */
  readonly cancel: (id: number) => void;
}
