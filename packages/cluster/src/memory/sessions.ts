/**
 * Owns the embedded session records. Records are kept as text, so that nobody can change one by holding on to it.
 * Invariant: revisions grow over the whole hub, as they do in a stream.
 */
import { randomBytes } from 'node:crypto';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { SESSION_RECORD_BYTES, type SessionRecord, type SessionRecords, type StoredSession } from '../sessions.ts';
import type { MemoryHub } from './hub.ts';

export class MemorySessions implements SessionRecords {
  readonly #hub: MemoryHub;
  #reachable = true;

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  async create(token: SessionToken, record: SessionRecord): Promise<boolean> {
    this.#reach();
    if (this.#hub.sessions.has(token)) return false;
    this.#store(token, record);
    return true;
  }

  async get(token: SessionToken): Promise<StoredSession | undefined> {
    this.#reach();
    const held = this.#hub.sessions.get(token);
    return held && { record: JSON.parse(held.text) as SessionRecord, revision: held.revision };
  }

  async replace(token: SessionToken, record: SessionRecord, revision: number): Promise<boolean> {
    this.#reach();
    if (this.#hub.sessions.get(token)?.revision !== revision) return false;
    this.#store(token, record);
    return true;
  }

  async delete(token: SessionToken): Promise<void> {
    this.#reach();
    this.#hub.sessions.delete(token);
  }

  async signingKey(): Promise<Buffer> {
    this.#reach();
    return Buffer.from((this.#hub.signingKey ??= randomBytes(32)));
  }

  /** Cuts this member off, or joins it again. */
  setConnected(connected: boolean): void {
    this.#reachable = connected;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reachable = false;
  }

  #reach(): void {
    if (!this.#reachable) throw new CausewayError('cluster.unavailable');
  }

  #store(token: SessionToken, record: SessionRecord): void {
    const text = JSON.stringify(record);
    if (Buffer.byteLength(text) > SESSION_RECORD_BYTES) throw new CausewayError('server.reply_too_large');
    this.#hub.sessions.set(token, { text, revision: (this.#hub.revision += 1) });
  }
}
