/**
 * Owns who reads a session's streams: attaching, credit, letting go, and what a slow reader does to the
 * child.
 *
 * Invariants: an attachment is changed only by whoever holds it, so a late word of an edge that was
 * taken over changes nothing; the child is not read while an attached reader lags behind, but for another call of the
 * session whose own reader keeps up (patience.ts); a reader that does not move for `STALL`, or for which more
 * than the bound waits, is let go, and its stream is kept for a replay; a 2024-11-05 session ends with
 * its stream, after a moment's grace where the stream was lost by an edge and not left by its client, which begins when the
 * worker's lease is certain: before that nobody else can be where he is looked for either.
 */
import { edgeOf, verdictOf, type ControlHead } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { EdgeHold, EdgeWatch } from '../edges.ts';
import type { SessionParts } from './parts.ts';
import { Patience, tellMissed } from './patience.ts';
import type { Stream } from './stream.ts';

/** Milliseconds that a reader may stand still, and between two looks at those that lag. */
export const STALL = 30_000;
const LOOK = 5_000;
/** Milliseconds in which an edge that lost its connection may take up a 2024-11-05 stream again. */
export const GRACE = 7_000;

export class Readers {
  readonly #session: SessionParts;
  readonly #edges: EdgeWatch;
  readonly #watched = new Map<string, EdgeHold>();
  #endGrace: (() => void) | undefined;
  /** What was seen of each stream that lags, and when it had last moved. */
  #seen = new WeakMap<Stream, { readonly moved: number; readonly at: number }>();
  #look: (() => void) | undefined;
  readonly #patience: Patience;
  #suspended = false;

  constructor(session: SessionParts, edges: EdgeWatch) {
    this.#session = session;
    this.#edges = edges;
    const { clock, wheel } = session;
    this.#patience = new Patience({ wheel, now: () => clock.monotonic(), over: () => this.balance() });
  }

  /** The one stream of a 2024-11-05 session. */
  openSse(name: string, to: string): void {
    this.#session.streams.open(name, 'sse', to);
    this.sync();
  }

  /** The child is not to be touched, or may be again. */
  suspend(on: boolean): void {
    this.#suspended = on;
    if (this.#endGrace) this.#beginGrace();
    this.balance();
    if (!on) this.#session.child()?.flush();
  }

  /** Whether what it asks for is there, or to be begun. */
  knows({ after, stream }: ControlHead): boolean {
    const { streams } = this.#session;
    return after === undefined || (stream !== undefined && (streams.find(stream) !== undefined || streams.isOver(stream, after)));
  }

  /** A GET: fresh, or with `Last-Event-ID`. The verdict precedes the first frame. */
  attach(head: ControlHead, reply: string): void {
    const { streams } = this.#session;
    if (head.stream === undefined) return;
    const known = streams.find(head.stream);
    // An edge that heard no yes asks again.
    const after = head.after ?? (known && 0);
    const complete = after !== undefined && streams.isOver(head.stream, after) ? { complete: true as const } : {};
    if (after !== undefined && !known?.covers(after)) {
      return this.#session.reply(reply, { ...verdictOf(new CausewayError('request.event_id')), ...complete });
    }
    this.#session.reply(reply, { t: 'ok', revision: this.#session.revision(), ...complete });
    if (after !== undefined) streams.resume(head.stream, reply, after);
    else streams.open(head.stream, this.#session.transport === 'sse' ? 'sse' : 'standalone', reply);
    this.#session.idle.touch();
    this.sync();
  }

  credit(head: ControlHead): void {
    const stream = this.#held(head);
    if (stream && head.seq !== undefined) {
      stream.credit(head.seq);
      if (stream.lag?.overtaken === false) tellMissed(stream, this.#session.log);
    }
    this.balance();
  }

  detach(head: ControlHead): void {
    if (head.heard !== undefined) return this.#forsake(head, head.heard);
    const stream = this.#held(head);
    if (stream) this.#letGo(stream);
  }

  /** An edge has told a call's client the end of it, unless another edge had taken the call up. */
  #forsake({ stream: name = '', to }: ControlHead, heard: number): void {
    const { streams } = this.#session;
    const stream = streams.find(name);
    if (stream?.kind !== 'call' || stream.reader !== to) return;
    streams.forsake(stream, heard);
    this.balance();
  }

  /** A frame reached nobody: its edge is gone, or the client has left that edge. */
  lost(name: string, attachment: number, seq: number): void {
    if (!this.#session.streams.lost(name, attachment, seq)) return;
    this.sync();
    this.balance();
  }

  /** An edge is gone: what was sent there goes nowhere. */
  edgeLost(edge: string): void {
    for (const stream of this.#session.streams.all()) {
      if (stream.to !== undefined && edgeOf(stream.to).edge === edge) stream.detach();
    }
    this.sync();
    this.balance();
  }

  /** The bus is back: what waited is sent, and whoever left meanwhile is noticed. */
  resume(): void {
    for (const stream of this.#session.streams.all()) {
      stream.pump();
      stream.ask();
    }
    this.balance();
  }

  /** Reads the child, or does not, as the readers keep up, and as calls wait for it. */
  balance(): void {
    const { streams, wheel } = this.#session;
    if (this.#suspended) return this.#session.child()?.pause();
    if (!streams.blocked) {
      this.#flowing();
      return this.#session.child()?.resume();
    }
    const lagging = streams.lagging();
    const overfull = lagging.find((stream) => stream.overfull);
    if (overfull) return this.#stalled(overfull);
    this.#look ??= wheel.after(LOOK, () => this.#lookAgain());
    if (this.#patience.ends(lagging, streams.needed)) this.#session.child()?.resume();
    else this.#session.child()?.pause();
  }

  /** Lets go of the readers that have not moved for `STALL`; the others are tried again. */
  #lookAgain(): void {
    this.#look = undefined;
    const { streams, clock } = this.#session;
    const now = clock.monotonic();
    for (const stream of streams.lagging()) {
      stream.pump();
      const seen = this.#seen.get(stream);
      if (seen?.moved !== stream.moved) this.#seen.set(stream, { moved: stream.moved, at: now });
      else if (now - seen.at >= STALL) this.#stalled(stream);
    }
    this.balance();
  }

  #stalled(stream: Stream): void {
    stream.release('stalled');
    tellMissed(stream, this.#session.log);
    this.#letGo(stream);
  }

  /** Nobody reads any more: the session is over. */
  close(): void {
    this.#flowing();
    this.#endGrace?.();
    this.#endGrace = undefined;
    for (const hold of this.#watched.values()) this.#edges.release(hold);
    this.#watched.clear();
  }

  #flowing(): void {
    this.#look?.();
    this.#look = undefined;
    this.#patience.rest();
  }

  #held(head: ControlHead): Stream | undefined {
    const stream = head.stream === undefined ? undefined : this.#session.streams.find(head.stream);
    return stream?.to !== undefined && stream.to === head.to ? stream : undefined;
  }

  #letGo(stream: Stream): void {
    stream.detach();
    this.sync();
    if (stream.kind === 'sse') this.#session.close('client_gone');
    else this.balance();
  }

  /**
   * An attached standalone stream keeps the session from being idle (calls do so themselves), and its edge is
   * watched, since a quiet stream would not tell that nobody is there any more.
   */
  sync(): void {
    const { streams, idle, transport } = this.#session;
    const addresses = new Set<string>();
    for (const stream of streams.all()) {
      if (stream.kind !== 'call' && stream.to !== undefined) addresses.add(stream.to);
    }
    if (addresses.size > 0) idle.hold(this);
    else idle.release(this);
    for (const [to, hold] of this.#watched) if (!addresses.has(to) && this.#watched.delete(to)) this.#edges.release(hold);
    for (const to of addresses) if (!this.#watched.has(to)) this.#watched.set(to, this.#edges.hold(to, this));
    this.#endGrace?.();
    this.#endGrace = undefined;
    if (transport === 'sse' && addresses.size === 0) this.#beginGrace();
  }

  /** Nobody reads the one stream: the session ends, unless somebody does in time. While it is suspended no time runs. */
  #beginGrace(): void {
    this.#endGrace?.();
    const end = (): void => this.#session.close('client_gone');
    this.#endGrace = this.#suspended ? () => undefined : this.#session.wheel.after(GRACE, end);
  }
}
