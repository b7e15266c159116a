/**
 * Owns a server of the stateless era as a session sees its child: one that shakes hands. What the session writes, an era
 * with a handshake, goes to the real child in the other, and its answers come back in the first; so everything that
 * sessions do, recovery included, works with such servers too.
 * Source: WIRE: 2025 client to 2026 server; 2026-07-28 basic/transports/stdio.
 *
 * Invariants: each request of the session has one answer, unless it is cancelled or the child ends; the session is never
 * answered while it is still writing; the bytes of a message are its author's but for what the eras write differently;
 * nothing of the stateless era reaches the client.
 */
import { answerTo, cancellationOf, requestOf } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import type { Child, ChildExit, ChildListeners } from '../child/child.ts';
import { Asking } from './adapter/asking.ts';
import { joined } from './adapter/change.ts';
import { ClientMeta } from './adapter/client-meta.ts';
import { FromClient } from './adapter/from-client.ts';
import { FromServer } from './adapter/from-server.ts';
import { OpenCalls } from './adapter/open-calls.ts';
import { NOTHING } from './adapter/outcome.ts';
import type { AdapterParts, OwnAnswer } from './adapter/parts.ts';
import { Subscription } from './subscription.ts';

export interface AdapterDeps {
  /** The server's name. */
  readonly server: string;
  readonly wheel: Wheel;
  readonly log: Log;
  /** The session's. */
  readonly listeners: ChildListeners;
}

export class LegacyOverModern implements Child {
  readonly #parts: AdapterParts;
  readonly #fromClient: FromClient;
  readonly #fromServer: FromServer;
  #child: Child | undefined;

  constructor({ server, wheel, log, listeners }: AdapterDeps) {
    let next = 1;
    const mint = (): number => next++;
    const say = (bytes: Buffer, call?: number): void => listeners.line(bytes, call);
    const parts: AdapterParts = {
      ...{ server, wheel, log, mint, say, listeners },
      calls: new OpenCalls(),
      asking: new Asking({ mint, say }),
      subscription: new Subscription({
        wheel,
        open: (notifications, ended) => parts.ask('subscriptions/listen', `"notifications":${notifications}`, ended),
        cancel: (id) => parts.cancel(id),
        gaveUp: () => log.warn({}, 'server keeps ending its subscription, changes are not told any more'),
      }),
      clientMeta: new ClientMeta(),
      declared: NOTHING,
      level: 'debug',
      own: new Map(),
      child: () => this.#child,
      send: (bytes) => this.#child?.write(bytes) === true,
      tell: (internal, outcome) => queueMicrotask(() => say(answerTo(internal, outcome))),
      ask: (method, more, answered) => this.#ask(method, more, answered),
      cancel: (id) => {
        parts.own.delete(id);
        parts.send(cancellationOf(id));
      },
    };
    this.#parts = parts;
    this.#fromServer = new FromServer(parts);
    this.#fromClient = new FromClient(parts, this.#fromServer);
  }

  /** What the real child is to be started with. */
  get hearing(): ChildListeners {
    const { listeners } = this.#parts;
    return {
      ...(listeners.right && { right: listeners.right }),
      line: (line) => this.#fromServer.line(line),
      broken: (why) => listeners.broken(why),
      exit: (exit) => {
        this.#close();
        listeners.exit(exit);
      },
    };
  }

  /** The real child has started. */
  attach(child: Child): this {
    this.#child = child;
    return this;
  }

  get pid(): number {
    return this.#real.pid;
  }

  write(frame: Uint8Array): boolean {
    return this.#fromClient.write(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
  }

  noise(line: Uint8Array): void {
    this.#real.noise(line);
  }

  lastWords(): readonly string[] {
    return this.#real.lastWords();
  }

  pause(): void {
    this.#real.pause();
  }

  resume(): void {
    this.#real.resume();
  }

  flush(): void {
    this.#real.flush();
  }

  stop(options?: { readonly gentle?: boolean }): Promise<ChildExit> {
    this.#close();
    return this.#real.stop(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ gentle: false });
  }

  get #real(): Child {
    if (!this.#child) throw new Error('used before its child was started');
    return this.#child;
  }

  #ask(method: string, more: string | undefined, answered: OwnAnswer): number | undefined {
    const { clientMeta, mint, own, send } = this.#parts;
    const id = mint();
    const params = `{${joined(more, `"_meta":{${clientMeta.members()}}`)}}`;
    if (!send(requestOf(id, method, params))) return undefined;
    own.set(id, answered);
    return id;
  }

  #close(): void {
    const { asking, calls, own, subscription } = this.#parts;
    asking.close();
    calls.clear();
    own.clear();
    subscription.close();
  }
}
