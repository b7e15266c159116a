/**
 * Owns one schedule's cast: its workers, edges, clients and sessions, and what they do.
 */
import { TIMES, World } from '@causeway/cluster/simulation';
import { Chronicle } from './chronicle.ts';
import { BATCHES, Clients } from './clients.ts';
import { SimulatedEdge } from './edge.ts';
import { Judge, type Known } from './judge.ts';
import { edgeOptions, workerOptions, type Variation } from './options.ts';
import { SseClients } from './sse-clients.ts';
import { SimulatedWorker } from './worker.ts';

/** Milliseconds until nothing is left of a session whose stream its client has left. */
const LEFT = 15_000;

export class Stage {
  readonly world: World;
  readonly judge: Judge;
  readonly chronicle: Chronicle;
  readonly clients: Clients;
  readonly sse: SseClients;
  readonly workers: SimulatedWorker[] = [];
  readonly edges: SimulatedEdge[] = [];
  readonly #variation: Variation;
  /** Nothing is disturbed any more. */
  calm = false;

  constructor(seed: number) {
    this.world = new World(seed);
    const { time } = this.world;
    this.judge = new Judge(this.world);
    this.chronicle = new Chronicle(() => time.now());
    const opened = ({ name, token }: Known): void => void this.chronicle.names.set(token.slice(0, 8), name);
    this.clients = new Clients(this.world, this.judge, opened);
    this.sse = new SseClients(this.world, this.judge, opened);
    this.#variation = { grace: time.pick([0, 30_000]), total: time.pick([undefined, 10]) };
  }

  run(ms: number): Promise<void> {
    return this.world.time.run(ms, () => this.judge.look());
  }

  async begin(): Promise<void> {
    const { time } = this.world;
    const workers = 2 + Math.floor(time.random() * 2);
    for (let nth = 0; nth < workers; nth += 1) this.#hire();
    for (let nth = 0; nth < 2; nth += 1) this.#build();
    await this.run(3_000);
    for (let nth = 0; nth < 4; nth += 1) this.#open();
    await this.run(3_000);
  }

  get sessions(): readonly Known[] {
    return [...this.judge.sessions.values()];
  }

  /** A client does something. */
  use(): void {
    const { time } = this.world;
    const { sessions } = this;
    const session = sessions.length === 0 || time.random() < 0.1 ? undefined : time.pick(sessions);
    const { lines } = this.sse;
    if (lines.length > 0 && time.random() < 0.2) return this.sse.call(this.edge(), time.pick(lines));
    if (session === undefined) return this.#open();
    const kind = time.random();
    if (kind < 0.35) {
      void this.clients.call(this.edge(), session);
    } else if (kind < 0.45) {
      this.clients.batch(this.edge(), session);
    } else if (kind < 0.7) {
      // Several edges find out about the same owner at once.
      for (let nth = 0; nth < 4; nth += 1) void this.clients.call(this.edge(), session);
    } else if (kind < 0.9) {
      this.#listen(session);
    } else {
      this.say(`DELETE of ${session.name}`);
      void this.clients.delete(this.edge(), session).then((status) => this.say(`DELETE of ${session.name}`, status));
    }
  }

  /** For a while, then perhaps through another edge, from where it was. */
  #listen(session: Known, last?: string): void {
    const { time } = this.world;
    const response = this.clients.listen(this.edge(), session, last);
    time.after(time.between(1_000, 30_000), () => {
      response.leave();
      if (!this.calm && response.last !== undefined && time.random() < 0.5) this.#listen(session, response.last);
    });
  }

  /** Everything heals. */
  async heal(): Promise<void> {
    // What goes wrong when a split ends comes at its own time.
    while (this.world.split.on) await this.run(1_000);
    this.calm = true;
    this.say('calm');
    this.world.loss = 0;
    this.world.elect(0);
    for (const worker of this.workers) {
      worker.onTaken = undefined;
      worker.member.go();
      worker.member.heal();
    }
    for (const edge of this.edges) {
      edge.go();
      edge.member.heal();
    }
    await this.run(TIMES.ttl + 30_000);
    for (const stream of this.clients.streams) stream.leave();
    for (const { response } of this.sse.lines) response.leave();
    await this.run(LEFT);
  }

  get running(): readonly SimulatedWorker[] {
    return this.workers.filter(({ running }) => running);
  }

  #open(): void {
    const { time } = this.world;
    if (time.random() < 0.25) return this.sse.open(this.edge(), 'again');
    void this.clients.open(this.edge(), time.random() < 0.85 ? 'again' : 'once', time.pick([BATCHES, '2025-06-18', '2025-11-25']));
  }

  edge(): SimulatedEdge {
    return this.world.time.pick(this.edges);
  }

  #hire(): void {
    // Without a bus a process does not start.
    if (this.world.leaderless()) return void this.world.time.after(1_000, () => this.#hire());
    const worker = new SimulatedWorker(this.world, this.judge);
    this.workers.push(worker);
    worker.start(workerOptions(this.#variation), this.chronicle.log({ of: worker.member.id }), () => this.replace(worker));
  }

  #build(): void {
    if (this.world.leaderless()) return void this.world.time.after(1_000, () => this.#build());
    const edge = new SimulatedEdge(this.world);
    this.edges.push(edge);
    edge.start(edgeOptions, this.chronicle.log({ of: edge.member.id }), () => this.rebuild(edge));
  }

  /** Another process takes its place, at once as edges are cheap. */
  rebuild(edge: SimulatedEdge): void {
    if (take(this.edges, edge)) this.#build();
  }

  /** Another process takes its place. */
  replace(worker: SimulatedWorker): void {
    const { time } = this.world;
    if (take(this.workers, worker)) time.after(this.calm ? 0 : time.between(500, 10_000), () => this.#hire());
  }

  /** Notes something for whoever looks at the schedule. */
  say(what: string, about?: string | number): void {
    this.chronicle.say(what, about === undefined ? {} : { about });
  }
}

/** Whether it was there to be taken out. */
function take<T>(from: T[], one: T): boolean {
  const at = from.indexOf(one);
  if (at >= 0) from.splice(at, 1);
  return at >= 0;
}
