/**
 * Owns one ordered server-to-client channel of a session: its journal, where it is being sent, and how
 * far. A call's answer rides one, a GET rides one, a 2024-11-05 session has exactly one.
 *
 * Invariants: frames leave in order, at most once per attachment; what some reader may have is never taken out for another
 * stream; what is not sent, or not taken by the bus, stays while somebody is attached, unless that one was overtaken (lag.ts).
 */
import { BusError, offer, type EndHead } from '@causeway/cluster';
import type { Link } from '@causeway/runtime';
import { Account } from './budget.ts';
import { Earlier } from './earlier.ts';
import { Flow } from './flow.ts';
import { Journal, type Entry, type FrameFacts } from './journal.ts';
import { Lag } from './lag.ts';
import { headOf, type FinishedStream, type StreamKind, type StreamLimits, type StreamPorts } from './stream-ports.ts';

export class Stream {
  readonly name: string;
  readonly kind: StreamKind;
  readonly #ports: StreamPorts;
  readonly #limits: StreamLimits;
  readonly #journal = new Journal();
  readonly #flow: Flow;
  /** Answers that are still to come on a call's stream; a batch has several. */
  answersLeft = 1;
  /** Places in its batch of the requests that have come. */
  #begun: readonly number[] = [];
  readonly account = new Account();
  /** Its links in the lists of its session, for streams.ts. */
  running: Link<Stream> | undefined;
  draining: Link<Stream> | undefined;
  finished: Link<FinishedStream> | undefined;
  #to: string | undefined;
  /** Where it is, or was last. */
  reader: string | undefined;
  /** Counts attachments, so that late news of an earlier one is told apart. */
  attachment = 0;
  /** How far it was sent under the present one, and, from the second on, under those before. */
  #sent = 0;
  #earlier: Earlier | undefined;
  /** Grows whenever the reader or the bus takes something, or the reader says that it is at it. */
  moved = 0;
  #complete = false;
  /** From the first time on that its reader did not keep up. */
  lag: Lag | undefined;

  constructor(name: string, kind: StreamKind, ports: StreamPorts, limits: StreamLimits) {
    this.name = name;
    this.kind = kind;
    this.#ports = ports;
    this.#limits = limits;
    this.#flow = new Flow(limits.credit);
  }

  /** Whether the request at this place of its batch has not come before: an edge may send one again that it takes for lost. */
  begin(index: number): boolean {
    if (this.#begun.includes(index)) return false;
    this.#begun = [...this.#begun, index];
    return true;
  }

  /** Where it is being sent; `undefined` while nobody is attached. */
  get to(): string | undefined {
    return this.#to;
  }

  /** Its last frame is in the journal. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Somebody is attached who has not been sent everything. */
  get blocked(): boolean {
    return this.#to !== undefined && this.#sent < this.#journal.newest;
  }

  /** Its reader does not keep up: since when, `now` at the latest. */
  lags(now: number): number {
    return (this.lag ??= new Lag(this.#limits)).begin(now);
  }

  /** Its reader was overtaken, and more waits for it than may. Once complete it does not grow. */
  get overfull(): boolean {
    return !this.#complete && this.lag?.overfull(this.#journal) === true;
  }

  /** Its reader has left before it was sent everything. */
  get awaited(): boolean {
    return this.#to === undefined && this.#sent < this.#journal.newest;
  }

  get frames(): number {
    return this.#journal.frames;
  }

  get bytes(): number {
    return this.#journal.bytes;
  }

  /** Position of the newest frame. */
  get newest(): number {
    return this.#journal.newest;
  }

  /** Position up to which somebody may have it. */
  get #given(): number {
    return Math.max(this.#sent, this.#earlier?.given ?? 0);
  }

  /** Whether a client that has seen `after` can be given everything that follows. */
  covers(after: number): boolean {
    return after <= this.#given && this.#journal.covers(after);
  }

  /** Sends it to `to` from the frame after `after` on. Whoever else was attached is told. */
  attach(to: string, after: number): void {
    // Nothing is given up in between: what nobody was sent yet is this one's.
    if (this.#to !== undefined && this.#to !== to) this.#say(this.#to, { t: 'end', why: 'taken_over' });
    this.#flow.reset();
    this.lag?.end();
    if (this.attachment > 0) (this.#earlier ??= new Earlier()).add(this.#given, to === this.reader);
    this.reader = this.#to = to;
    this.attachment += 1;
    this.#sent = after;
    if (this.#complete && after === this.#journal.newest) this.release('complete');
    else this.pump();
  }

  /** Nothing more will come on it; whoever is attached is told why. */
  finish(why: EndHead['why']): void {
    this.#complete = true;
    this.release(why);
  }

  /** Nobody receives it any more; it is kept for a replay. */
  detach(): void {
    this.#to = undefined;
    this.#flow.reset();
    this.lag?.end();
    this.#trim();
  }

  /** Tells whoever is attached that nothing more comes, and detaches. */
  release(why: EndHead['why']): void {
    const to = this.#to;
    this.detach();
    this.#say(to, { t: 'end', why });
  }

  /** Asks whether whoever it is sent to is still there: an address that nobody knows comes back as undelivered. */
  ask(): void {
    this.#say(this.#to, { t: 'ping' });
  }

  /** Its receipt must not put in doubt what was sent before it. */
  #say(to: string | undefined, word: Parameters<StreamPorts['publish']>[1]): void {
    if (to !== undefined) offer(() => this.#ports.publish(to, word, undefined, this, this.#sent + 1));
  }

  /** Adds a frame and sends it as soon as there is credit. */
  append(bytes: Buffer, last: boolean, facts?: FrameFacts): void {
    if (this.lag?.gaveWay(this.#journal, this.#given, bytes, facts?.dispensable)) return this.#trim();
    this.#complete ||= last;
    this.#journal.append(bytes, last, facts);
    this.pump();
    this.#trim();
  }

  /** The client's socket has taken everything up to `seq`. */
  credit(seq: number): void {
    this.moved += 1;
    this.#flow.credit(seq);
    this.pump();
    this.#trim();
  }

  /** The frame at `seq` of an attachment reached nobody: it counts as not sent. `false` if somebody else is attached since. */
  undelivered(attachment: number, seq: number): boolean {
    if (attachment !== this.attachment) return false;
    this.#sent = Math.min(this.#sent, seq - 1);
    this.detach();
    return true;
  }

  /** Takes out what its last reader, who is gone for good, has not heard. */
  takeUnheard(heard: number): Entry[] {
    this.#sent = this.#earlier?.settle(Math.min(this.#given, heard)) ?? Math.min(this.#sent, heard);
    this.detach();
    return this.takeUnsent();
  }

  /** Takes out what was never sent, or certainly reached nobody. */
  takeUnsent(): Entry[] {
    return this.#journal.takeAfter(this.#given);
  }

  /** Sends what may be sent. Called again when the bus is back. */
  pump(): void {
    this.#sendWhile(() => this.#flow.open);
  }

  /** Sends all that is left, without regard to credit: the session ends, and nothing more will be added. */
  flush(): void {
    this.#sendWhile(() => true);
  }

  #sendWhile(may: () => boolean): void {
    while (this.#to !== undefined && this.#sent < this.#journal.newest && may()) {
      const entry = this.#journal.at(this.#sent + 1);
      if (!entry) throw new Error(`stream ${this.name}: frame ${this.#sent + 1} was dropped before it was sent`);
      if (!this.#send(this.#to, entry)) return;
    }
    if (this.#sent < this.#journal.newest) return;
    this.lag?.end();
    // A complete stream has nobody attached: whoever asks for it again attaches anew.
    if (this.#complete) this.detach();
  }

  #send(to: string, entry: Entry): boolean {
    try {
      this.#ports.publish(to, headOf(entry), entry.bytes, this, entry.seq);
    } catch (error) {
      // Kept, and sent with the next pump: when the bus is back, or has room.
      if (error instanceof BusError) return false;
      throw error;
    }
    this.#sent = entry.seq;
    this.moved += 1;
    this.#flow.sent(entry.seq, entry.bytes.length);
    return true;
  }

  /** Gives up the past: what was sent; while nobody is attached all but the newest frame; all of a call that is over. */
  evict(): void {
    if (this.#complete && this.#to === undefined) return this.discard();
    this.#journal.trim({ frames: 1, bytes: 0 }, this.#to === undefined ? this.#journal.newest : this.#sent);
    this.#ports.charge(this, this.#journal.bytes);
  }

  /** Forgets everything: the stream is no longer known to anybody. */
  discard(): void {
    this.#journal.forget(this.#journal.newest);
    this.#ports.charge(this, 0);
  }

  #trim(): void {
    this.#journal.trim(this.#limits, this.#to === undefined ? this.#journal.newest : this.#sent);
    this.#ports.charge(this, this.#journal.bytes);
  }
}
