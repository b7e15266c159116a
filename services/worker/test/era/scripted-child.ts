/** A child for what a real one cannot be made to do on command: the test reads what it was given, and says its lines. */
import type { ServerConfig } from '@causeway/config';
import type { Child, ChildExit, ChildListeners } from '../../src/child/child.ts';

export const EXIT: ChildExit = { code: 0, signal: null, stderr: [] };

export interface Message {
  readonly jsonrpc?: string;
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Readonly<Record<string, unknown>> };
}

export class ScriptedChild implements Child {
  readonly pid = 1;
  readonly listeners: ChildListeners;
  readonly written: string[] = [];
  readonly noises: string[] = [];
  /** `false`: it does not read. */
  reads = true;
  paused = false;
  stops = 0;
  /** What it has written to stderr. */
  words: readonly string[] = [];
  readonly #gone = Promise.withResolvers<ChildExit>();

  constructor(listeners: ChildListeners) {
    this.listeners = listeners;
  }

  write(frame: Uint8Array): boolean {
    if (this.reads && this.stops === 0) this.written.push(Buffer.from(frame).toString());
    return this.reads && this.stops === 0;
  }

  /** What it was given and has not been taken yet. */
  take(): Message[] {
    return this.written.splice(0).map((line) => JSON.parse(line) as Message);
  }

  say(message: Message | string): void {
    this.listeners.line(Buffer.from(typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })));
  }

  exit(): void {
    this.listeners.exit(EXIT);
    this.#gone.resolve(EXIT);
  }

  noise(line: Uint8Array): void {
    this.noises.push(Buffer.from(line).toString());
  }

  lastWords(): readonly string[] {
    return this.words;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  flush(): void {}

  stop(): Promise<ChildExit> {
    this.stops += 1;
    if (this.stops === 1) this.exit();
    return this.#gone.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts scripted children and keeps them. */
export class Nursery {
  readonly children: ScriptedChild[] = [];
  /** Thrown by the next starts. */
  refusal: Error | undefined;
  readonly #waiting = new Set<() => void>();

  start = async (listeners: ChildListeners): Promise<ScriptedChild> => {
    if (this.refusal) throw this.refusal;
    const child = new ScriptedChild(listeners);
    this.children.push(child);
    for (const wake of this.#waiting) wake();
    return child;
  };

  /** The child of that number, when it has been started and whoever started it has it. */
  async nth(number: number): Promise<ScriptedChild> {
    while (this.children.length < number) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
    await new Promise((resolve) => setImmediate(resolve));
    return this.children[number - 1]!;
  }
}

export const limits = { callsPerSession: 64, callsPerIdentity: 256 };

export const server = (more: Partial<ServerConfig> = {}): ServerConfig => ({
  name: 'git',
  command: 'git-mcp',
  args: [],
  env: {},
  passEnvironment: false,
  noNewPrivileges: true,
  shell: false,
  startTimeout: 20_000,
  requestTimeout: 20_000,
  idle: 60_000,
  age: 3_600_000,
  limits: {},
  default: false,
  sharing: 'per-session',
  warm: 0,
  pool: { max: 16, idle: 300_000, parked: 180_000 },
  era: 'auto',
  recovery: 'restart',
  ...more,
});
