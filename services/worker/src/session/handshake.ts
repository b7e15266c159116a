/**
 * Owns a session's handshake as it passes: the client's parameters, the server's answer, which tells that the child has
 * started, and the record that is written with both, so that another owner can say it again.
 *
 * Invariants: over Streamable HTTP the record is written before the client learns that its id works; a 2024-11-05
 * session is there before its handshake, and its record is completed by it; whatever its client says, or does not say, the
 * attempt to start its child is over in time: one that nobody has asked anything has shown nothing, and is given up.
 */
import { CausewayError, memberText, readHandshake, revisionLabel } from '@causeway/protocol';
import type { SessionDeps, SessionHeld, SessionOpening } from './deps.ts';
import type { SessionParts } from './parts.ts';

export interface HandshakePorts {
  readonly parts: () => SessionParts;
  readonly deps: SessionDeps;
  readonly opening: SessionOpening;
  readonly held: SessionHeld;
  /** The session is open from here; `false` if it has ended meanwhile. */
  readonly opened: () => boolean;
}

export class Handshake {
  readonly #ports: HandshakePorts;
  #cancel = (): void => undefined;

  constructor(ports: HandshakePorts) {
    this.#ports = ports;
  }

  /** 2024-11-05: the session is open, and waits for its client's initialize, which may never come. */
  expect(): void {
    const { wheel, server } = this.#ports.opening;
    this.#cancel = wheel.after(server.startTimeout, () => this.inconclusive());
  }

  /** The client's initialize is on its way to the child. */
  greeting(initialize: Buffer): void {
    this.#cancel();
    this.#ports.held.initialize = memberText(initialize, 'params') ?? '{}';
  }

  /** 2024-11-05: the child has answered it, in a session that is open already. */
  greeted(answer: Buffer): void {
    const { held, parts } = this.#ports;
    const handshake = readHandshake(answer);
    if (!handshake) return this.inconclusive();
    held.attempt?.succeeded();
    held.revision = handshake.revision;
    const initialize = { params: held.initialize, result: handshake.result };
    parts().ownership.change({ revision: handshake.revision, initialize });
  }

  /** What the child has answered is no JSON-RPC: the server does not start as one that speaks MCP. */
  failed(): void {
    this.#ports.held.attempt?.failed();
  }

  /** What was answered, if anything, says nothing of how the server starts. */
  inconclusive(): void {
    this.#ports.held.attempt?.[Symbol.dispose]();
  }

  /** The session ends. */
  close(): void {
    this.#cancel();
    this.inconclusive();
  }

  /** Streamable HTTP: the child has answered it. Resolves when the session may be used, or `false` if the child refused. */
  async initialized(answer: Buffer): Promise<boolean> {
    const { held, opened, parts } = this.#ports;
    const handshake = readHandshake(answer);
    if (!handshake) {
      // The client gets the server's own error; without a granted handshake there is no session.
      setImmediate(() => parts().close('start_failed'));
      return false;
    }
    held.revision = handshake.revision;
    await this.record({ params: held.initialize, result: handshake.result });
    if (!opened()) throw new CausewayError('session.ended');
    held.attempt?.succeeded();
    parts().log.info({ revision: revisionLabel(held.revision) }, 'session opened');
    return true;
  }

  /** Writes the session's record for the first time. */
  record(initialize: { readonly params: string; readonly result: string }): Promise<void> {
    const { deps, held, opening, parts } = this.#ports;
    const { epoch, server, identity, share, transport, created } = opening;
    const facts = { server: server.name, identity, owner: deps.worker, epoch, revision: held.revision, initialize, created, transport };
    return parts().ownership.create({ v: 1, ...facts, ...(share === undefined ? {} : { share }) });
  }
}
