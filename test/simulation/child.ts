/**
 * Owns a simulated stdio server: it answers initialize and calls after a while, says what it was given, and ends when
 * it is stopped or its worker dies. It does not stand still with its worker.
 */
import type { OwnedSession } from '@causeway/cluster';
import type { VirtualTime } from '@causeway/cluster/simulation';
import type { Child, ChildExit, ChildListeners } from '@causeway/worker';
import type { SessionToken } from '@causeway/protocol';
import type { Judge } from './judge.ts';
import type { SimulatedWorker } from './worker.ts';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string; readonly arguments?: { readonly nonce?: string } };
}

export interface ChildDeps {
  readonly time: VirtualTime;
  readonly judge: Judge;
  readonly worker: SimulatedWorker;
  readonly listeners: ChildListeners;
}

const EXIT: ChildExit = { code: 0, signal: null, stderr: [] };

export class SimulatedChild implements Child {
  readonly pid = 1;
  readonly token: SessionToken;
  readonly epoch: number;
  readonly worker: SimulatedWorker;
  state: 'running' | 'stopping' | 'gone' = 'running';
  readonly #deps: ChildDeps;
  readonly #gone = Promise.withResolvers<ChildExit>();
  #paused = false;
  /** What its worker has taken for it. */
  readonly #waiting: Uint8Array[] = [];
  #stops = 0;
  /** What it has printed and nobody has read. */
  readonly #printed: Buffer[] = [];

  constructor({ token, epoch }: OwnedSession, deps: ChildDeps) {
    this.token = token;
    this.epoch = epoch;
    this.worker = deps.worker;
    this.#deps = deps;
  }

  /** As with a real one, a frame leaves its worker a moment after it was taken, if the child may be touched then. */
  write(frame: Uint8Array): boolean {
    if (this.state !== 'running') return false;
    if (this.#waiting.length === 0) this.#stops = this.#deps.listeners.right!.stops();
    this.#waiting.push(frame);
    const { onTaken } = this.worker;
    this.worker.onTaken = undefined;
    onTaken?.();
    this.worker.member.time.after(1, () => this.flush());
    return true;
  }

  flush(): void {
    const { right } = this.#deps.listeners;
    if (this.#waiting.length === 0 || this.state !== 'running' || !right!.mayTouch()) return;
    if (this.#stops !== right!.stops()) {
      this.#waiting.length = 0;
      return right!.late();
    }
    for (const frame of this.#waiting.splice(0)) this.#take(frame);
  }

  #take(frame: Uint8Array): void {
    const { judge, time } = this.#deps;
    const { id, method, params } = JSON.parse(Buffer.from(frame).toString()) as Message;
    judge.touched(this, method ?? 'an answer');
    const nonce = params?.arguments?.nonce;
    if (nonce !== undefined) judge.ran(nonce, this);
    if (id === undefined || method === undefined) return;
    // Some calls take long enough for anything to happen meanwhile.
    const ms = method === 'initialize' || time.random() < 0.8 ? time.between(1, 300) : time.between(1_000, 12_000);
    const capabilities = { logging: {}, tools: { listChanged: true } };
    // Tied to no call: it rides whatever stream there is.
    const said = nonce !== undefined && time.random() < 0.3;
    if (said)
      time.after(time.between(0, ms), () =>
        this.print({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: nonce } }),
      );
    const result =
      method === 'initialize'
        ? { protocolVersion: params?.protocolVersion, capabilities, serverInfo: { name: 's', version: '1' } }
        : { nonce, epoch: this.epoch, said };
    time.after(ms, () => this.print({ jsonrpc: '2.0', id, result }));
  }

  /** Says something. */
  print(message: object): void {
    if (this.state === 'gone') return;
    this.#printed.push(Buffer.from(JSON.stringify(message)));
    this.#read();
  }

  noise(): void {}

  lastWords(): readonly string[] {
    return EXIT.stderr;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#read();
  }

  stop({ gentle = true }: { readonly gentle?: boolean } = {}): Promise<ChildExit> {
    const { time } = this.#deps;
    if (this.state === 'running') this.state = 'stopping';
    if (this.state === 'stopping') time.after(gentle ? time.between(1, 5_000) : time.between(1, 300), () => this.end());
    return this.#gone.promise;
  }

  /** It is gone, by itself or because it was stopped. */
  end(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    this.worker.member.act(() => {
      this.#deps.listeners.exit(EXIT);
      this.#gone.resolve(EXIT);
    }, 'message');
  }

  /** The kernel ends it with its worker. */
  die(): void {
    this.state = 'gone';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ gentle: false });
  }

  #read(): void {
    this.worker.member.act(() => {
      while (!this.#paused && this.#printed.length > 0) this.#deps.listeners.line(this.#printed.shift()!);
    }, 'message');
  }
}
