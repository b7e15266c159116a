/**
 * Owns one child that serves requests of many callers, one after the other or at once: the ids under which it is asked,
 * who waits for what it says, and when it is not read.
 *
 * Invariants: an id is used once in the life of a child, so no caller ever hears another's answer; whoever waits is
 * told once, by the answer or by the child's end; what names no request goes to the one that holds the child alone, or
 * to nobody; it is not read while somebody who waits for it lags, but for the others who do (session/patience.ts).
 */
import {
  cancellationOf,
  CausewayError,
  echoedAt,
  rawText,
  refusedAnswer,
  requestOf,
  splitServerBatch,
  type Frame,
  type Span,
} from '@causeway/protocol';
import { Register } from '@causeway/runtime';
import type { Child, ChildExit } from '../child/child.ts';
import { exitFacts } from '../child/exit-facts.ts';
import { frameOf } from '../child/frame-of.ts';
import { Patience, type PatienceDeps, type Reader } from '../session/patience.ts';
import { answerAlone } from './answer-alone.ts';
import type { Changes } from './changes.ts';

export type Era = 'legacy' | 'modern';

/** Whoever waits for the answer to one request. */
export interface Caller {
  /** Who is given what the child says; none of the bridge's own. */
  readonly reader?: Reader;
  /** `false`: nobody needs the child for it. */
  readonly waits?: false;
  answered(frame: Frame): void;
  /** Progress under its id, or undefined where it wants none. */
  progress?(frame: Frame): void;
  failed(error: CausewayError): void;
}

/** Hears what names no request: questions, logs, changes. */
export type Hearing = (frame: Frame, process: PooledProcess) => void;

/** Holds a child alone, and hears the same while it does. No function: V8 lets one go that stood here only with the whole heap. */
export interface Holder {
  heard(frame: Frame): void;
}

export interface ProcessPorts extends Omit<PatienceDeps, 'over'> {
  readonly hears: Hearing;
}

export class PooledProcess {
  /** Names it in request states and in its mark. */
  readonly id: string;
  readonly era: Era;
  /** Raw JSON text of the result that it greeted with: of initialize, or of server/discover. */
  greeting = '';
  /** Raw JSON text of what a server with a handshake calls itself. */
  serverInfo: string | undefined;
  /** It has chosen the revision in which servers may write arrays of messages. */
  batches = false;
  /** How a server of the stateless era tells of changes. */
  changes: Changes | undefined;
  /** The server has asked for the roots of its client before: servers do so once by themselves, after the handshake. */
  askedRoots = false;
  readonly #child: () => Child | undefined;
  readonly #callers = new Register<number, Caller>();
  /** The pool hears everything that names no request. */
  readonly #pool: Hearing;
  /** Who holds it alone. */
  holder: Holder | undefined;
  readonly #patience: Patience;
  /** Somebody who waits for it lags. */
  #lagging = false;
  #next = 1;
  #over: CausewayError | undefined;

  constructor(id: string, era: Era, child: () => Child | undefined, { hears, now, wheel }: ProcessPorts) {
    this.id = id;
    this.era = era;
    this.#child = child;
    this.#pool = hears;
    this.#patience = new Patience({ now, wheel, over: () => this.balance() });
  }

  /** Registers who waits; its id is to be used for the request, and for its progress. */
  begin(caller: Caller): number {
    const id = this.#next++;
    this.#callers.set(id, caller);
    if (this.#lagging) this.balance();
    return id;
  }

  /** Nobody waits for that answer any more. */
  forget(id: number): void {
    if (this.#callers.delete(id) && this.#lagging) this.balance();
  }

  /** Throws how it ended. */
  assertThere(): void {
    if (this.#over) throw this.#over;
  }

  /** Throws `server.busy` where it does not read, or how it ended. */
  write(bytes: Uint8Array): void {
    this.assertThere();
    if (!this.#child()?.write(bytes)) throw new CausewayError('server.busy', { retryAfter: 1 });
  }

  /** Writes what needs no answer, if it listens. */
  tell(bytes: Uint8Array): void {
    if (!this.#over) this.#child()?.write(bytes);
  }

  /** A request of the bridge's own; `params` is raw JSON text. Resolves with any answer. Rejects with CausewayError. */
  ask(method: string, params: string, more: Pick<Caller, 'waits'> = {}): Promise<Frame> {
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    const id = this.begin({ ...more, answered: resolve, failed: reject });
    try {
      this.write(requestOf(id, method, params));
    } catch (error) {
      this.forget(id);
      reject(error);
    }
    return promise;
  }

  /** The server may stop working at it. */
  cancel(id: number, reason: string): void {
    this.tell(cancellationOf(id, reason));
  }

  /** Reads it, or does not, as those keep up who wait for it. */
  balance(): void {
    const lagging: Reader[] = [];
    let needed = false;
    for (const { reader, waits } of this.#callers.values()) {
      if (reader?.blocked) lagging.push(reader);
      else if (waits !== false) needed = true;
    }
    this.#lagging = lagging.length > 0;
    if (!this.#lagging) this.#patience.rest();
    if (!this.#lagging || this.#patience.ends(lagging, needed)) this.#child()?.resume();
    else this.#child()?.pause();
  }

  /** One line of its stdout. */
  line(bytes: Buffer): void {
    const frame = frameOf(bytes);
    if (frame) return this.#pass(frame);
    const batch = splitServerBatch(bytes);
    if (!batch || !this.batches) return this.#refused(bytes, batch);
    for (const part of batch) {
      const message = frameOf(part);
      if (message) this.#pass(message);
      else this.#refused(part);
    }
  }

  #pass(frame: Frame): void {
    if (frame.kind === 'response') return this.#answered(frame);
    if (frame.method === 'notifications/progress') return this.#callers.get(echoedAt(frame.bytes, frame.progressToken))?.progress?.(frame);
    if (frame.kind === 'notification' && this.changes?.takes(frame)) return;
    this.#pool(frame, this);
    if (this.holder) this.holder.heard(frame);
    else if (frame.kind === 'request') answerAlone(this, frame);
    if (frame.method === 'roots/list') this.askedRoots = true;
  }

  /** The child is gone, or broken for good: nobody waits for it any more. */
  end(error: CausewayError): void {
    this.#over ??= error;
    this.changes?.close();
    for (const id of [...this.#callers.keys()]) {
      const caller = this.#callers.get(id);
      this.forget(id);
      caller?.failed(error);
    }
  }

  exited(exit: ChildExit): void {
    this.end(new CausewayError('server.exited', { facts: exitFacts(exit) }));
  }

  #answered(frame: Frame): void {
    this.#take(frame.bytes, frame.id)?.answered(frame);
  }

  /** A line that is no JSON-RPC, or an array of some; where it was meant as an answer, its caller waits no longer. */
  #refused(line: Buffer, parts: readonly Buffer[] = [line]): void {
    this.#child()?.noise(line);
    for (const part of parts) this.#take(part, refusedAnswer(part))?.failed(new CausewayError('server.reply_invalid'));
  }

  /** Who waits under an id, for the last time. */
  #take(bytes: Buffer, span: Span | undefined): Caller | undefined {
    const id = echoedAt(bytes, span);
    const caller = this.#callers.get(id);
    this.forget(id);
    return caller;
  }
}

/** Raw JSON text of an answer's result; `undefined` for an error. */
export function resultOf({ bytes, result }: Frame): string | undefined {
  return result && rawText(bytes, result);
}
