/**
 * Owns one schedule's cast: its workers, edges, clients and sessions, what they do, and what is done to them.
 */
import assert from 'node:assert/strict';
import { encode } from '@causeway/cluster';
import { TIMES, World } from '@causeway/cluster/simulation';
import type { EdgeId } from '@causeway/protocol';
import { Chronicle } from './chronicle.ts';
import { Clients } from './clients.ts';
import { SimulatedEdge } from './edge.ts';
import { Judge, type Known, type Outcome } from './judge.ts';
import { edgeOptions, workerOptions, type Variation } from './options.ts';
import { SimulatedWorker } from './worker.ts';

/** Endings after which nobody takes a session over. */
const FINAL: ReadonlySet<string> = new Set(['child_exit', 'revoked', 'delete']);

export class Stage {
  readonly world: World;
  readonly judge: Judge;
  readonly chronicle: Chronicle;
  readonly clients: Clients;
  readonly workers: SimulatedWorker[] = [];
  readonly edges: SimulatedEdge[] = [];
  readonly #variation: Variation;
  /** Nothing is disturbed any more. */
  #calm = false;

  constructor(seed: number) {
    this.world = new World(seed);
    const { time } = this.world;
    this.judge = new Judge(this.world);
    this.chronicle = new Chronicle(() => time.now());
    this.clients = new Clients(this.world, this.judge, ({ name, token }) => this.chronicle.names.set(token.slice(0, 8), name));
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

  /** A client does something. */
  use(): void {
    const { time } = this.world;
    const sessions = [...this.judge.sessions.values()];
    const session = sessions.length === 0 || time.random() < 0.1 ? undefined : time.pick(sessions);
    if (session === undefined) return this.#open();
    const kind = time.random();
    if (kind < 0.45) {
      void this.clients.call(this.#edge(), session);
    } else if (kind < 0.7) {
      // Several edges find out about the same owner at once.
      for (let nth = 0; nth < 4; nth += 1) void this.clients.call(this.#edge(), session);
    } else if (kind < 0.9) {
      const response = this.clients.listen(this.#edge(), session);
      time.after(time.between(1_000, 30_000), () => response.leave());
    } else {
      this.#say(`DELETE of ${session.name}`);
      void this.clients.delete(this.#edge(), session).then((status) => this.#say(`DELETE of ${session.name}`, status));
    }
  }

  /** One thing that happens to the world. */
  disturb(): void {
    const { time } = this.world;
    const kind = time.random();
    if (kind < 0.72 && this.workers.length > 0) this.#disturbWorker(kind, time.pick(this.workers));
    else if (kind < 0.84 && this.edges.length > 1) this.#disturbEdge(kind, time.pick(this.edges));
    else this.#disturbStores(kind);
  }

  #disturbWorker(kind: number, worker: SimulatedWorker): void {
    const { time } = this.world;
    const name = worker.member.id;
    if (kind < 0.16) {
      this.#say('kill', name);
      worker.crash();
      this.#replace(worker);
    } else if (kind < 0.3) {
      this.#say('partition', name);
      worker.member.partition();
      time.after(time.between(100, 40_000), () => worker.member.heal());
    } else if (kind < 0.36) {
      const connection = time.pick([worker.member.data, worker.member.control]);
      this.#say('cut one', name);
      connection.sever();
      time.after(time.between(100, 40_000), () => connection.mend());
    } else if (kind < 0.52) {
      this.#say('stop', name);
      worker.member.stop();
      time.after(time.between(100, 40_000), () => worker.member.go());
    } else if (kind < 0.62) {
      this.#say('leave', name);
      worker.leave(time.between(1_000, 10_000));
      this.#replace(worker);
    } else {
      this.#say('reset', name);
      const ms = time.between(50, 8_000);
      worker.member.data.reset(ms);
      if (time.random() < 0.5) worker.member.control.reset(ms);
    }
  }

  #disturbEdge(kind: number, edge: SimulatedEdge): void {
    const { time } = this.world;
    if (kind < 0.76) {
      this.#say('kill edge', edge.member.id);
      edge.crash();
      this.edges.splice(this.edges.indexOf(edge), 1);
      this.#build();
    } else if (kind < 0.8) {
      this.#say('stop edge', edge.member.id);
      edge.stop();
      time.after(time.between(100, 20_000), () => edge.go());
    } else {
      this.#say('partition edge', edge.member.id);
      edge.member.partition();
      time.after(time.between(100, 20_000), () => edge.member.heal());
    }
  }

  #disturbStores(kind: number): void {
    const { time } = this.world;
    if (kind < 0.88) {
      this.#loseAll();
    } else if (kind < 0.92) {
      this.#say('election');
      this.world.elect(time.between(2_000, 9_000));
    } else if (kind < 0.95) {
      this.world.loss = time.between(0, 0.3);
      time.after(time.between(1_000, 10_000), () => (this.world.loss = 0));
    } else if (kind < 0.97) {
      this.#say('a child ends by itself');
      time.pick([undefined, ...this.judge.children])?.end();
    } else {
      this.#wipe();
    }
  }

  /** Everything heals. */
  async heal(): Promise<void> {
    this.#calm = true;
    this.#say('calm');
    this.world.loss = 0;
    this.world.elect(0);
    for (const { member } of this.workers) {
      member.go();
      member.heal();
    }
    for (const edge of this.edges) {
      edge.go();
      edge.member.heal();
    }
    await this.run(TIMES.ttl + 30_000);
    for (const stream of this.clients.streams) stream.leave();
  }

  /** Whatever was not ended is served, by the owner that the record names. */
  async assertServed(): Promise<void> {
    const { judge, world } = this;
    const outcomes = await this.#settle(
      [...judge.sessions.values()].map((session) => this.#callUntilAnswered(session)),
      60_000,
    );
    for (const [session, outcome] of outcomes) {
      const { token, name } = session;
      if (session.deleted !== undefined) {
        assert.ok(outcome.kind === 'error' && outcome.status === 404, `${name} was deleted, and answers ${JSON.stringify(outcome)}`);
      } else if (outcome.kind === 'answer') {
        const { child } = judge.run(outcome.nonce)!;
        const record = world.records.get(token);
        assert.deepEqual(
          [record?.owner, record?.epoch],
          [child.worker.member.id, child.epoch],
          `${name} is served by whom its record names`,
        );
        assert.ok(judge.living(token).length === 1 && judge.living(token)[0] === child, `${name} has one child`);
      } else {
        assert.ok(this.#mayBeOver(session), `${name} is lost: ${JSON.stringify(outcome)}`);
        assert.equal(judge.living(token).length, 0, `${name} is over and has no child: ${JSON.stringify(outcome)}`);
      }
    }
    const living = judge.children.filter(({ state }) => state === 'running').length;
    const records = [...this.edges[0]!.member.ledger.workers().values()];
    assert.equal(records.length, this.#running.length, 'nobody else is counted');
    assert.equal(
      records.reduce((sum, { sessions }) => sum + sessions, 0),
      living,
      'what is counted is what lives',
    );
  }

  /** When every session is ended nothing of them is left anywhere. */
  async assertNothingLeft(): Promise<void> {
    const { judge, world } = this;
    const statuses = await this.#settle(
      [...judge.sessions.values()].map(async (session) => this.clients.delete(this.#edge(), session)),
      30_000,
    );
    for (const status of statuses) assert.match(status, /^(200|404)/);
    // Sessions whose edge died before it could name them to their client are ended as an operator ends them.
    for (const { token, worker } of judge.children) {
      const { bus, subjects } = this.edges[0]!.member.cluster;
      bus.publish(subjects.control(worker.member.id), encode({ t: 'end', session: token }), subjects.edgeInbox('e' as EdgeId));
    }
    await this.run(20_000);
    assert.equal(judge.children.length, 0, 'no child is left');
    for (const { name, token } of judge.sessions.values())
      assert.equal(world.records.get(token), undefined, `${name} has no record any more`);
    for (const { wheel, member } of this.#running) {
      // Its pulse, and the look at the records, if it does not look just now.
      assert.ok(wheel.size <= 2, 'no timer is left at a worker');
      assert.deepEqual({ ...member.ledger.workers().get(member.id)?.holds }, {}, 'no place is held');
    }
    for (const { wheel } of this.edges) assert.equal(wheel.size, 0, 'no timer is left at an edge');
  }

  get #running(): readonly SimulatedWorker[] {
    return this.workers.filter(({ running }) => running);
  }

  /** A session may be over for a reason that nobody could help. */
  #mayBeOver({ ending, token, server }: Known): boolean {
    const reasons = this.chronicle.endings.get(token.slice(0, 8));
    return ending || server === 'once' || this.judge.wiped >= 0 || (reasons !== undefined && !FINAL.isDisjointFrom(reasons));
  }

  async #callUntilAnswered(session: Known): Promise<readonly [Known, Outcome]> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.clients.call(this.#edge(), session);
      if (outcome.kind !== 'error' || !outcome.retryable || attempt === 10) return [session, outcome];
      await new Promise<void>((resolve) => this.world.time.after(1_000, resolve));
    }
  }

  async #settle<T>(waiting: readonly Promise<T>[], ms: number): Promise<readonly T[]> {
    const all = Promise.all(waiting);
    const late = Symbol('late');
    await this.run(ms);
    const settled = await Promise.race([all, new Promise<typeof late>((resolve) => queueMicrotask(() => resolve(late)))]);
    assert.ok(settled !== late, 'everything has its outcome in time');
    return settled;
  }

  #open(): void {
    const { time } = this.world;
    void this.clients.open(this.#edge(), time.random() < 0.85 ? 'again' : 'once', time.pick(['2025-06-18', '2025-11-25']));
  }

  #edge(): SimulatedEdge {
    return this.world.time.pick(this.edges);
  }

  #hire(): void {
    // Without a bus a process does not start.
    if (this.world.leaderless()) return void this.world.time.after(1_000, () => this.#hire());
    const worker = new SimulatedWorker(this.world, this.judge);
    this.workers.push(worker);
    worker.start(workerOptions(this.#variation), this.chronicle.log({ of: worker.member.id }));
  }

  #build(): void {
    if (this.world.leaderless()) return void this.world.time.after(1_000, () => this.#build());
    const edge = new SimulatedEdge(this.world);
    this.edges.push(edge);
    edge.start(edgeOptions, this.chronicle.log({ of: edge.member.id }));
  }

  /** Another process takes its place. */
  #replace(worker: SimulatedWorker): void {
    const { time } = this.world;
    this.workers.splice(this.workers.indexOf(worker), 1);
    time.after(this.#calm ? 0 : time.between(500, 10_000), () => this.#hire());
  }

  /** Every server of the bus is gone. */
  #loseAll(): void {
    const ms = this.world.time.between(500, 40_000);
    this.#say('the bus is lost', ms);
    this.world.elect(ms);
    for (const { member } of [...this.workers, ...this.edges]) {
      member.control.reset(ms);
      member.data.reset(ms);
    }
  }

  #wipe(): void {
    const { world, judge } = this;
    const kind = world.time.pick(['log', 'records', 'made anew'] as const);
    this.#say('wipe', kind);
    if (kind === 'log') return world.log.wipe();
    judge.wiped = judge.now;
    world.records.wipe(kind === 'made anew');
  }

  #say(what: string, about?: string | number): void {
    this.chronicle.say(what, about === undefined ? {} : { about });
  }
}
