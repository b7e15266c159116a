/**
 * Owns one edge or worker over all its lives: killed, stopped, continued, told to end, started again, and the wires
 * between it and each NATS server where it has wires of its own. What happened to it is written into the journal.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsNode } from './nats-node.ts';
import { openCauseway, type Causeway, type Exit, type ServerSpec } from '../harness/processes.ts';
import type { Proxy } from '../harness/proxy.ts';

export type Role = 'edge' | 'worker';
export type State = 'running' | 'stopped' | 'gone';

/** Something that was done to a process; times are `Date.now()`. */
export interface Happening {
  readonly at: number;
  readonly role: Role | 'nats';
  readonly name: string;
  /** Id of the edge's or worker's life. */
  readonly id: string;
  readonly what: 'started' | 'killed' | 'stopped' | 'continued' | 'told' | 'ended' | 'parted' | 'healed';
}

export interface UnitOptions {
  readonly role: Role;
  readonly name: string;
  readonly mark: string;
  readonly nodes: readonly NatsNode[];
  /** One for each node, or none: the unit then speaks to the nodes directly. */
  readonly wires: readonly Proxy[];
  readonly servers?: Readonly<Record<string, ServerSpec>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly journal: Happening[];
}

export class Unit implements AsyncDisposable {
  readonly role: Role;
  readonly name: string;
  readonly wires: readonly Proxy[];
  /** Every life of it, the present one last. */
  readonly lives: Causeway[] = [];
  readonly #options: UnitOptions;
  #state: State = 'gone';
  /** Lives that are over. */
  readonly #over = new Set<Causeway>();

  constructor(options: UnitOptions) {
    this.role = options.role;
    this.name = options.name;
    this.wires = options.wires;
    this.#options = options;
  }

  get state(): State {
    return this.#state;
  }

  get process(): Causeway {
    return this.lives.at(-1)!;
  }

  /** It ended although nobody told it to. */
  get crashed(): boolean {
    return this.#state !== 'gone' && this.#over.has(this.process);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** The name that this life of it has in subjects, records and marks. */
  get id(): string {
    return idOf(this.process);
  }

  get base(): string {
    return this.process.base;
  }

  /** `env`: further variables of this life. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    if (this.#state !== 'gone') throw new Error(`${this.name} is ${this.#state}`);
    const { role, mark, nodes, wires, servers, config, args = [] } = this.#options;
    const urls = (wires.length > 0 ? wires : nodes).map(({ address }) => `nats://${address}`);
    this.lives.push(
      await openCauseway(role, {
        args: ['--nats', urls.join(','), ...args],
        config,
        mark,
        env: { ...this.#options.env, ...env },
        ...(servers === undefined ? {} : { servers }),
      }),
    );
    this.#state = 'running';
    this.#tell('started');
    const life = this.process;
    void life.exited.then(() => this.#over.add(life));
  }

  async kill(): Promise<void> {
    this.#state = 'gone';
    this.#tell('killed');
    this.process.kill('SIGKILL');
    await this.process.exited;
    this.#tell('ended');
  }

  stop(): void {
    this.process.kill('SIGSTOP');
    this.#state = 'stopped';
    this.#tell('stopped');
  }

  cont(): void {
    this.#tell('continued');
    this.process.kill('SIGCONT');
    this.#state = 'running';
  }

  /** SIGTERM; resolves with its exit. */
  async term(): Promise<Exit> {
    this.#tell('told');
    this.process.kill('SIGTERM');
    const exit = await this.process.exited;
    this.#state = 'gone';
    this.#tell('ended');
    return exit;
  }

  /** Its wires to all NATS servers: cut, or silent without a word. */
  part(how: 'cut' | 'silent' | 'silent down'): void {
    if (this.wires.length === 0) throw new Error(`${this.name} was not opened with wires`);
    this.#tell('parted');
    for (const wire of this.wires) {
      if (how === 'cut') wire.cut();
      else if (how === 'silent') wire.silence('up', 'down');
      else wire.silence('down');
    }
  }

  heal(): void {
    for (const wire of this.wires) wire.heal();
    this.#tell('healed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'stopped') this.cont();
    for (const life of this.lives) await life[Symbol.asyncDispose]();
    this.#state = 'gone';
    await this.#keepLogs();
  }

  /** For whoever looks for the cause: `CHAOS_LOGS` names a directory. */
  async #keepLogs(): Promise<void> {
    const directory = process.env['CHAOS_LOGS'];
    if (directory === undefined) return;
    await mkdir(directory, { recursive: true });
    for (const [nth, life] of this.lives.entries()) {
      await writeFile(join(directory, `${this.name.replace(' ', '-')}-${nth + 1}-${life.port}.log`), life.stdout() + life.stderr());
    }
  }

  #tell(what: Happening['what']): void {
    this.#options.journal.push({ at: Date.now(), role: this.role, name: this.name, id: this.id, what });
  }
}

/** As every line of its log says. */
function idOf(life: Causeway): string {
  for (const { 'service.instance.id': id } of life.logs.items) if (typeof id === 'string') return id;
  return '';
}
