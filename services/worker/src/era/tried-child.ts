/**
 * Owns a child whose server is of an era that is not certain: everything passes, both ways, until the server has answered
 * the session's first `initialize`. If it refuses, and the other era is its own, its process is stopped, another is
 * started in the other's words, and the handshake is said again there; the session does not notice.
 *
 * Invariants: a handshake is said twice at most, and only if nothing else was asked before it was answered, so that no call
 * is lost or made twice; where the second refusal says that the first words were the right ones, the first refusal is told, for
 * that is about what the client says; of the process that was given up nothing is heard any more; what the session says meanwhile
 * waits, within a bound; a server that accepts costs no more than the reading of what it says until then.
 */
import type { ServerConfig } from '@causeway/config';
import { CausewayError, echoedAt, FrameFault, isObject, isRevision, memberText, numberAt, readServerLine } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { Child, ChildExit, ChildListeners } from '../child/child.ts';
import type { Eras } from './eras.ts';
import { listsModern } from './probe.ts';

/** The words that a server is spoken to in, behind the handshake that the session shakes. */
export type Via = 'legacy' | 'modern';

export interface TriedDeps {
  readonly server: ServerConfig;
  readonly eras: Eras;
  readonly log: Log;
  readonly listeners: ChildListeners;
  /** Rejects with CausewayError, and the signal's reason. */
  readonly start: (via: Via, listeners: ChildListeners, signal?: AbortSignal) => Promise<Child>;
}

/** Messages of the session that wait while it is found out how to go on. */
const WAITING = 64;

interface Greeting {
  readonly frame: Buffer;
  /** The number that is its id. */
  readonly id: number;
}

type Phase =
  /** Nothing was asked yet. */
  | { readonly kind: 'fresh' }
  /** `initialize` is at the server; `open`: and nothing else, for the first time; `refusal`: what it was refused with in the other words. */
  | { readonly kind: 'greeted'; readonly greeting: Greeting; open: boolean; readonly refusal?: Buffer }
  /** It was refused. What the session writes and the server tells meanwhile waits. */
  | { readonly kind: 'deciding'; readonly written: Buffer[]; readonly told: (() => void)[] }
  | { readonly kind: 'settled' };

type Deciding = Extract<Phase, { kind: 'deciding' }>;

const SETTLED: Phase = { kind: 'settled' };

export class TriedChild implements Child {
  readonly #deps: TriedDeps;
  readonly #ended = new AbortController();
  #via: Via;
  #phase: Phase = { kind: 'fresh' };
  #child: Child | undefined;
  /** Counts the processes, so that what the former one says is told apart. */
  #life = 0;
  #paused = false;
  /** Settles when no other process is being started. */
  #changing: Promise<void> = Promise.resolve();

  constructor(deps: TriedDeps, via: Via) {
    this.#deps = deps;
    this.#via = via;
  }

  async begin(signal?: AbortSignal): Promise<this> {
    this.#child = await this.#deps.start(this.#via, this.#hearing(), signal);
    return this;
  }

  get pid(): number {
    return this.#now.pid;
  }

  write(frame: Uint8Array): boolean {
    const phase = this.#phase;
    if (phase.kind === 'settled') return this.#now.write(frame);
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    if (phase.kind === 'deciding') return phase.written.length < WAITING && phase.written.push(bytes) > 0;
    // The child may keep the bytes, and never changes them.
    if (!this.#now.write(bytes)) return false;
    const { kind, method, id } = readServerLine(bytes);
    if (kind !== 'request') return true;
    if (phase.kind === 'greeted') phase.open = false;
    else if (method !== 'initialize' || !id) this.#phase = SETTLED;
    else this.#phase = { kind: 'greeted', greeting: { frame: bytes, id: numberAt(bytes, id) }, open: true };
    return true;
  }

  noise(line: Uint8Array): void {
    this.#now.noise(line);
  }

  lastWords(): readonly string[] {
    return this.#now.lastWords();
  }

  pause(): void {
    this.#paused = true;
    this.#now.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#now.resume();
  }

  flush(): void {
    this.#now.flush();
  }

  async stop(options?: { readonly gentle?: boolean }): Promise<ChildExit> {
    if (!this.#ended.signal.aborted) this.#ended.abort(new CausewayError('session.ended'));
    const stopped = this.#now.stop(options);
    await this.#changing;
    await stopped;
    return this.#now.stop(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ gentle: false });
  }

  get #now(): Child {
    if (!this.#child) throw new Error('used before it was started');
    return this.#child;
  }

  /** What a process is started with. Only the latest is heard. */
  #hearing(): ChildListeners {
    const life = ++this.#life;
    const { listeners } = this.#deps;
    /** In its turn: at once, or when it is decided whether this process is the one to be heard. */
    const tell = (what: () => void, most = Infinity): void => {
      if (life !== this.#life) return;
      if (this.#phase.kind !== 'deciding') what();
      else if (this.#phase.told.length < most) this.#phase.told.push(what);
    };
    return {
      ...(listeners.right && { right: listeners.right }),
      line: (bytes, call) => {
        if (this.#phase.kind === 'settled' && life === this.#life) listeners.line(bytes, call);
        else tell(() => this.#line(bytes, call), WAITING);
      },
      broken: (why) => tell(() => listeners.broken(why)),
      exit: (exit) => tell(() => listeners.exit(exit)),
    };
  }

  /** A line while the handshake is not done. */
  #line(bytes: Buffer, call: number | undefined): void {
    const { eras, listeners, server } = this.#deps;
    const phase = this.#phase;
    if (phase.kind !== 'greeted' || !isAnswer(phase.greeting, bytes)) return listeners.line(bytes, call);
    const accepted = memberText(bytes, 'result') !== undefined;
    // A client that asks for nonsense proves nothing.
    if (accepted || isProper(phase.greeting.frame)) eras.learn(server, { [this.#via]: accepted });
    if (accepted || !phase.open) {
      this.#phase = SETTLED;
      return listeners.line(accepted || !listsModern(bytes) ? bytes : (phase.refusal ?? bytes), call);
    }
    this.#phase = { kind: 'deciding', written: [], told: [] };
    this.#now.pause();
    this.#changing = this.#decide(phase.greeting, bytes);
  }

  /** The handshake was refused with `refusal`. Never rejects. */
  async #decide(greeting: Greeting, refusal: Buffer): Promise<void> {
    const { signal } = this.#ended;
    try {
      const other = await this.#isOther(refusal);
      if (signal.aborted) return;
      if (!other) return this.#goOn(refusal);
      await this.#change(greeting, refusal);
    } catch (error) {
      if (signal.aborted) return;
      this.#deps.log.warn({ err: error }, 'server refuses the handshake, and its other era could not be tried');
      this.#goOn(refusal);
    }
  }

  /** Whether the server is of the other era than the one that was tried. */
  async #isOther(refusal: Buffer): Promise<boolean> {
    const { eras, server } = this.#deps;
    if (this.#via === 'modern') return true;
    if (!listsModern(refusal)) return eras.modern(server, this.#ended.signal);
    eras.learn(server, { modern: true });
    return true;
  }

  async #change(greeting: Greeting, refusal: Buffer): Promise<void> {
    const { listeners, log, start } = this.#deps;
    const { signal } = this.#ended;
    const hearing = this.#hearing();
    const exit = await this.#now.stop({ gentle: false });
    signal.throwIfAborted();
    const via: Via = this.#via === 'legacy' ? 'modern' : 'legacy';
    const { told, written } = this.#phase as Deciding;
    // Should there be no other, the session has lost the first.
    const child = await start(via, hearing, signal).catch((error: unknown) => {
      told.push(() => listeners.exit(exit));
      throw error;
    });
    this.#child = child;
    if (signal.aborted) return;
    log.info({ via }, 'server refused the handshake, tried in its other era');
    this.#via = via;
    this.#phase = { kind: 'greeted', greeting, open: false, refusal };
    // A process that has just been started reads.
    for (const bytes of [greeting.frame, ...written]) child.write(bytes);
    if (this.#paused) child.pause();
  }

  /** The refusal is the session's to hear, and then whatever has waited. */
  #goOn(refusal: Buffer): void {
    const { written, told } = this.#phase as Deciding;
    this.#phase = SETTLED;
    this.#deps.listeners.line(refusal);
    for (const tell of told) tell();
    for (const bytes of written) this.#now.write(bytes);
    if (!this.#paused) this.#now.resume();
  }
}

/** Whether the line is the answer to the handshake. */
function isAnswer(greeting: Greeting, bytes: Buffer): boolean {
  try {
    const { kind, id } = readServerLine(bytes);
    return kind === 'response' && id !== undefined && echoedAt(bytes, id) === greeting.id;
  } catch (error) {
    if (error instanceof FrameFault) return false;
    throw error;
  }
}

/** Whether a server with a handshake has no reason to refuse this one. */
function isProper(initialize: Buffer): boolean {
  const params: unknown = JSON.parse(memberText(initialize, 'params') ?? 'null');
  if (!isObject(params)) return false;
  const { protocolVersion, capabilities, clientInfo } = params;
  const named = isObject(clientInfo) && typeof clientInfo['name'] === 'string' && typeof clientInfo['version'] === 'string';
  return typeof protocolVersion === 'string' && isRevision(protocolVersion) && isObject(capabilities) && named;
}
