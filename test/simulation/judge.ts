/**
 * Owns the judgement over a simulated cluster: what must hold at every moment (BAR I1, I6, I7, I9, I10) is asserted
 * here, from what the children ran, what the stores hold and what clients were told, never from what the code under
 * test believes of itself.
 */
import assert from 'node:assert/strict';
import type { SessionRecord } from '@causeway/cluster';
import type { World } from '@causeway/cluster/simulation';
import type { SessionToken } from '@causeway/protocol';
import type { SimulatedChild } from './child.ts';

/** Milliseconds for which a former owner's child may be left once its worker has another lease: it is looked after. */
const LOOKED_AFTER = 30_000;

/** Milliseconds that a message may be under way on a connection that is not given up. */
const TRANSIT = 15_000;

export interface Call {
  readonly nonce: string;
  readonly session: Known;
  readonly sent: number;
  /** Milliseconds of the simulation at which it must have its outcome. */
  readonly due: () => number;
  outcome: Outcome | undefined;
}

export type Outcome =
  | { readonly kind: 'answer'; readonly nonce: string; readonly epoch: number }
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly reason: string;
      readonly executed: 'no' | 'unknown';
      readonly retryable: boolean;
    }
  /** The edge is gone. */
  | { readonly kind: 'reset' };

/** A session as its client and its children show it. */
export interface Known {
  /** The same whenever the schedule is played. */
  readonly name: string;
  readonly token: SessionToken;
  readonly id: string;
  readonly server: string;
  readonly revision: string;
  /** When a DELETE of it was answered with 200. */
  deleted: number | undefined;
  /** When somebody was first told that it is unknown. */
  unknown: number | undefined;
  /** A DELETE of it was asked for, whatever was answered. */
  ending: boolean;
}

interface Run {
  readonly at: number;
  readonly child: SimulatedChild;
}

/** It serves, and its worker can do what it has to. */
const isWell = ({ state, worker: { member, leaving } }: SimulatedChild): boolean =>
  state === 'running' && !leaving && !member.crashed && !member.stopped && member.reachesStores;

/** The same as long as its worker was not cut off. */
const linkOf = ({ worker: { member } }: SimulatedChild): string => `${member.control.link} ${member.data.link} ${member.apart}`;

export class Judge {
  readonly #world: World;
  readonly sessions = new Map<SessionToken, Known>();
  readonly #runs = new Map<string, Run>();
  readonly #calls = new Map<string, Call>();
  readonly #open = new Set<Call>();
  readonly #refused = new Set<string>();
  readonly #noticed = new Set<string>();
  readonly #epochs = new Map<SessionToken, number>();
  readonly #recorded = new Map<SessionToken, number>();
  readonly #children = new Map<SessionToken, Set<SimulatedChild>>();
  /** Since when a session has had children of two owners that may act. */
  readonly #double = new Map<SessionToken, number>();
  #failure: Error | undefined;
  /** When the session records were emptied or set back. */
  #setBack = -Infinity;
  /** Sessions that lived then, and must not be over for that. */
  readonly #lived = new Set<SessionToken>();

  constructor(world: World) {
    this.#world = world;
    world.records.written = (token, record) => this.#written(token, record);
  }

  /** Its end was promised. */
  isDeleted({ deleted }: Known): boolean {
    return deleted !== undefined;
  }

  get now(): number {
    return this.#world.time.now();
  }

  /** The session records are emptied, or an older copy of them stands there now: what is not true any more may not be believed. */
  setBack(): void {
    this.#setBack = this.now;
    this.#lived.clear();
    const before = this.children.filter(isWell).map((child) => [child, linkOf(child)] as const);
    const at = this.now;
    this.#world.time.after(LOOKED_AFTER, () => {
      if (this.#setBack !== at) return;
      for (const [child, link] of before) {
        const { token, epoch, worker } = child;
        if (!isWell(child) || linkOf(child) !== link || this.living(token).length !== 1) continue;
        const record = this.#world.records.get(token);
        this.#assert(record?.epoch === epoch && record.owner === worker.member.id, 'its record is not put right', token);
        this.#lived.add(token);
      }
    });
  }

  /** Nobody who lived knew of it when the records were set back. */
  mayBeForgotten({ token }: Known): boolean {
    return this.#setBack >= 0 && !this.#lived.has(token);
  }

  run(nonce: string): Run | undefined {
    return this.#runs.get(nonce);
  }

  /** A child was started. */
  started(child: SimulatedChild): void {
    const { token, epoch, worker } = child;
    const before = this.#epochs.get(token) ?? 0;
    // A worker that has been given up may not know it yet: its child is given nothing.
    if (worker.member.leaseUntil > this.now) this.#assert(epoch > before, `a child of epoch ${epoch} after one of ${before}`, token);
    const known = this.sessions.get(token);
    // Who began to take it over before it was deleted starts a child in vain, and stops it.
    const deleted = known !== undefined && this.isDeleted(known) ? known.deleted! : this.now;
    this.#assert(this.now - deleted < LOOKED_AFTER, 'a child of a deleted session', token);
    this.#epochs.set(token, Math.max(epoch, before));
    this.#children.set(token, (this.#children.get(token) ?? new Set()).add(child));
  }

  /** Children of the session that are not being stopped. */
  living(token: SessionToken): readonly SimulatedChild[] {
    return [...(this.#children.get(token) ?? [])].filter(({ state }) => state === 'running');
  }

  get children(): readonly SimulatedChild[] {
    return [...this.#children.values()].flatMap((some) => [...some]).filter(({ state }) => state !== 'gone');
  }

  /** A child was given a call. */
  ran(nonce: string, child: SimulatedChild): void {
    const { token, epoch, worker } = child;
    const call = this.#calls.get(nonce)!;
    this.#assert(!this.#runs.has(nonce), `${nonce} ran twice`, token);
    this.#assert(!this.#refused.has(nonce), `${nonce} ran after it was said not to have`, token);
    this.#assert(!worker.member.crashed && !worker.member.stopped, `${nonce} ran at a worker that stands still`, token);
    this.#assert(worker.member.leaseUntil > this.now, `${nonce} ran without a lease`, token);
    this.#assert(!this.isDeleted(call.session), `${nonce} ran after the session was deleted`, token);
    this.#assert(call.due() + TRANSIT >= this.now, `${nonce} ran after its deadline`, token);
    const record = this.#world.records.get(token);
    if (record && this.#setBack <= this.now - LOOKED_AFTER)
      this.#assert(
        record.epoch === epoch && record.owner === worker.member.id,
        `${nonce} ran under epoch ${epoch} of ${record.epoch}`,
        token,
      );
    const { unknown } = call.session;
    this.#assert(unknown === undefined || call.sent <= unknown, `${nonce} ran in a session that was unknown`, token);
    this.#runs.set(nonce, { at: this.now, child });
  }

  /** Anything was written to a child. */
  touched({ token, worker }: SimulatedChild, what: string): void {
    this.#assert(worker.member.fence > this.now, `${what} was written without a lease`, token);
  }

  /** A client was told something that is tied to no call; the warning of a takeover has no such name. */
  noticed(what: string, token: SessionToken): void {
    if (!this.#calls.has(what)) return;
    this.#assert(!this.#noticed.has(what), `the notification of ${what} came twice`, token);
    this.#noticed.add(what);
  }

  called(call: Call): void {
    this.#calls.set(call.nonce, call);
    this.#open.add(call);
  }

  told(call: Call, outcome: Outcome): void {
    const { token } = call.session;
    this.#assert(call.outcome === undefined, `${call.nonce} has a second outcome`, token);
    call.outcome = outcome;
    this.#open.delete(call);
    if (outcome.kind === 'reset') return;
    this.#assert(this.now <= call.due() + 1_000, `${call.nonce} has its outcome too late`, token);
    const run = this.#runs.get(call.nonce);
    if (outcome.kind === 'answer') {
      this.#assert(outcome.nonce === call.nonce, `${call.nonce} has the answer to ${outcome.nonce}`, token);
      this.#assert(run?.child.epoch === outcome.epoch && run.child.token === token, `${call.nonce} has an answer of another child`, token);
      return;
    }
    this.#assert(outcome.reason !== 'internal', `${call.nonce} failed inside`, token);
    if (outcome.executed === 'no') {
      this.#assert(run === undefined, `${call.nonce} was said not to have run (${outcome.reason})`, token);
      this.#refused.add(call.nonce);
    }
    if (outcome.status === 404) call.session.unknown ??= this.now;
  }

  /** Everything that can be seen at one moment. */
  look(): void {
    // The code under test handles what is thrown in its midst as it would any error.
    if (this.#failure !== undefined) throw this.#failure;
    for (const call of this.#open)
      if (call.due() + 1_000 < this.now) this.#assert(false, `${call.nonce} has no outcome`, call.session.token);
    for (const [token, children] of this.#children) {
      for (const child of children) if (child.state === 'gone') children.delete(child);
      if (children.size > 1) this.#lookAtOwners(token, children);
    }
  }

  /** The newest child alone, but for those whose workers cannot know of it, and are to find out. */
  #lookAtOwners(token: SessionToken, children: Iterable<SimulatedChild>): void {
    const acting = [...children].filter(
      ({ state, worker: { member } }) =>
        state === 'running' && !member.stopped && member.control.live && member.data.live && member.leaseUntil > this.now,
    );
    if (acting.length < 2) return void this.#double.delete(token);
    const since = this.#double.get(token) ?? this.now;
    this.#double.set(token, since);
    this.#assert(
      this.now - since < LOOKED_AFTER,
      `children of epochs ${acting.map(({ epoch }) => epoch).join(', ')} live side by side`,
      token,
    );
  }

  #written(token: SessionToken, { epoch }: SessionRecord): void {
    const before = this.#recorded.get(token) ?? 0;
    this.#assert(epoch >= before, `the record fell from epoch ${before} to ${epoch}`, token);
    this.#recorded.set(token, epoch);
  }

  #assert(holds: boolean, what: string, token: SessionToken): void {
    if (holds) return;
    const message = `${Math.round(this.now)} ms, ${this.sessions.get(token)?.name ?? 'a session'}: ${what}`;
    this.#failure ??= new assert.AssertionError({ message });
    throw this.#failure;
  }
}
