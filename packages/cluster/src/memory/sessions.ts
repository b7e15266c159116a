/**
 * Owns the embedded session records. Records are kept as text, so that nobody can change one by holding on to it.
 * Invariant: revisions grow over the whole hub, as they do in a stream.
 */
import { randomBytes } from 'node:crypto';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { SESSION_RECORD_BYTES, type SessionRecord, type SessionRecords, type StoredSession } from '../sessions.ts';
import type { Generation } from '../generations.ts';
import type { MemoryHub } from './hub.ts';

/** Removed records that are remembered as such. */
const REMEMBERED = 1_024;

/** Nobody can set memory back. */
const ONLY: Generation = { id: 'memory', count: 1, revision: 0, since: 0, ours: false };

export class MemorySessions implements SessionRecords {
  readonly generation = ONLY.id;
  readonly #hub: MemoryHub;
  #reachable = true;

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  async create(token: SessionToken, record: SessionRecord): Promise<number | undefined> {
    this.#reach();
    const { sessions, removed } = this.#hub;
    return sessions.has(token) || removed.has(token) ? undefined : this.#store(token, record);
  }

  async get(token: SessionToken): Promise<StoredSession | undefined> {
    this.#reach();
    const held = this.#hub.sessions.get(token);
    return held && { record: JSON.parse(held.text) as SessionRecord, revision: held.revision };
  }

  async replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined> {
    this.#reach();
    return this.#hub.sessions.get(token)?.revision === revision ? this.#store(token, record) : undefined;
  }

  async delete(token: SessionToken, revision: number): Promise<boolean> {
    this.#reach();
    const held = this.#hub.sessions.get(token);
    if (held !== undefined && held.revision !== revision) return false;
    this.#hub.sessions.delete(token);
    this.#hub.removed.add(token);
    // The oldest is forgotten first.
    if (this.#hub.removed.size > REMEMBERED) for (const oldest of this.#hub.removed) if (this.#hub.removed.delete(oldest)) break;
    return true;
  }

  async signingKey(): Promise<Buffer> {
    this.#reach();
    return Buffer.from((this.#hub.signingKey ??= randomBytes(32)));
  }

  async wasRemoved(token: SessionToken): Promise<boolean> {
    this.#reach();
    return this.#hub.removed.has(token);
  }

  async look(): Promise<Generation> {
    this.#reach();
    return ONLY;
  }

  async unsettled(): Promise<boolean> {
    this.#reach();
    return false;
  }

  tend(): Promise<Generation> {
    return this.look();
  }

  async sweep(): Promise<void> {
    this.#reach();
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

  #store(token: SessionToken, record: SessionRecord): number {
    const text = JSON.stringify(record);
    if (Buffer.byteLength(text) > SESSION_RECORD_BYTES) throw new CausewayError('server.reply_too_large');
    const revision = (this.#hub.revision += 1);
    this.#hub.sessions.set(token, { text, revision });
    return revision;
  }
}
