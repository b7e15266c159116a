/**
 * Owns a simulated worker process: the real worker, whose machine is a member of the simulated world and whose
 * children are simulated too. A process that ends is followed by a new one, as a supervisor would.
 */
import assert from 'node:assert/strict';
import { BusError } from '@causeway/cluster';
import type { Member, World } from '@causeway/cluster/simulation';
import { CausewayError } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import { openWorker, type Machine, type Worker, type WorkerOptions } from '@causeway/worker';
import { SimulatedChild } from './child.ts';
import type { Judge } from './judge.ts';
import { clockOf, openWheel } from './machine.ts';

/** Share of starts that fail, and milliseconds of the others. */
const FAILING = 0.02;
const START = { low: 5, high: 600 } as const;

export class SimulatedWorker {
  readonly member: Member;
  readonly wheel: Wheel;
  readonly children = new Set<SimulatedChild>();
  readonly #world: World;
  readonly #judge: Judge;
  #worker: Worker | undefined;
  /** Called once, when it has taken something for a child and not written it yet. */
  onTaken: (() => void) | undefined;
  /** It shuts down. */
  leaving = false;

  constructor(world: World, judge: Judge) {
    this.#world = world;
    this.#judge = judge;
    this.member = world.join();
    this.wheel = openWheel(this.member.time);
  }

  /** The process starts. `failed`: it ends before it has begun, without a lease or a bus. */
  start(options: WorkerOptions, log: Log, failed: () => void): void {
    const { member, wheel } = this;
    const machine: Machine = {
      clock: clockOf(member.time),
      wheel,
      random: member.time.random,
      start: (session, _server, listeners, signal) => this.#spawn((deps) => new SimulatedChild(session, { ...deps, listeners }), signal),
      sweep: async () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    };
    openWorker({ cluster: member.cluster, log, id: member.id, machine }, options).then(
      (worker) => void (this.#worker = worker),
      (error: unknown) => {
        if (!(error instanceof CausewayError || error instanceof BusError)) throw error;
        this.crash();
        failed();
      },
    );
  }

  get running(): boolean {
    return this.#worker !== undefined && !this.member.crashed && !this.leaving;
  }

  /** kill -9: the kernel ends its children too. */
  crash(): void {
    this.member.crash();
    for (const child of this.children) child.die();
    this.children.clear();
  }

  /** SIGTERM. */
  leave(timeout: number): void {
    const worker = this.#worker;
    // One that has not started yet just ends.
    if (worker === undefined) return this.crash();
    if (this.leaving) return;
    this.leaving = true;
    const end = async (): Promise<void> => {
      await worker.drain(timeout);
      await worker[Symbol.asyncDispose]();
      const left = [...this.children].filter(({ state }) => state === 'running');
      assert.equal(left.length, 0, 'a worker that has left leaves no child');
      this.crash();
    };
    this.member.act(() => void end(), 'message');
  }

  async #spawn(
    make: (deps: { readonly time: World['time']; readonly judge: Judge; readonly worker: SimulatedWorker }) => SimulatedChild,
    signal: AbortSignal | undefined,
  ): Promise<SimulatedChild> {
    const { time } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<SimulatedChild>();
    const failing = time.random() < FAILING;
    this.member.time.after(time.between(START.low, START.high), () => {
      if (signal?.aborted) return reject(signal.reason as Error);
      if (failing) return reject(new CausewayError('server.start_failed'));
      const child = make({ time, judge: this.#judge, worker: this });
      this.children.add(child);
      this.#judge.started(child);
      resolve(child);
    });
    return promise;
  }
}
