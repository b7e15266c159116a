/**
 * Owns all streams of one session: which of them a message of the server rides, and which one a client
 * resumes. Which finished ones are remembered is finished-streams.ts's.
 *
 * Invariants: every message rides exactly one stream; a message without a home waits in the standalone
 * stream.
 */
import { CausewayError } from '@causeway/protocol';
import { Chain, RecentMap, Register, type Clock } from '@causeway/runtime';
import { FinishedStreams, type FinishedLimits } from './finished-streams.ts';
import { Stream } from './stream.ts';
import type { StreamPorts } from './stream-ports.ts';

/** Past calls that are known by name, so that none runs twice. */
const MIN_PAST = 256;

export class Streams {
  readonly #ports: StreamPorts;
  readonly #limits: FinishedLimits;
  readonly #clock: Clock;
  readonly #byName = new Register<string, Stream>();
  /** Calls that are not answered yet, in the order of their arrival. */
  readonly #running = new Chain<Stream>();
  /** Complete streams whose reader has not been sent everything. */
  readonly #draining = new Chain<Stream>();
  readonly #finished: FinishedStreams;
  /** Calls whose streams are no longer kept, the newest ones: the position of the last frame of each. */
  readonly #past = new RecentMap<string, number>(MIN_PAST);
  #standalone: Stream;
  /** Calls that ran at once, at most. */
  #width = 0;

  constructor(ports: StreamPorts, limits: FinishedLimits, clock: Clock) {
    this.#ports = ports;
    this.#limits = limits;
    this.#clock = clock;
    this.#finished = new FinishedStreams(limits, (stream) => {
      this.#drop(stream);
      stream.discard();
    });
    this.#standalone = this.#add('-', 'standalone');
  }

  /**
   * The stream of a call, or of the batch that the call belongs to; attached to `to`. Throws `cluster.owner_lost` for
   * a call that was here before and whose answer is no longer kept.
   */
  call(name: string, to: string, answers: number): Stream {
    const known = this.#byName.get(name);
    if (known) return known;
    if (this.#past.get(name) !== undefined) throw new CausewayError('cluster.owner_lost');
    const stream = this.#add(name, 'call');
    stream.answersLeft = answers;
    stream.running = this.#running.add(stream);
    this.#width = Math.max(this.#width, this.#running.size);
    stream.attach(to, 0);
    return stream;
  }

  /**
   * A fresh GET, or the one stream of a 2024-11-05 session: takes over from the one before, and carries on with what nobody
   * was sent. One of this name is not known yet.
   */
  open(name: string, kind: 'standalone' | 'sse', to: string): Stream {
    const stream = this.#add(name, kind);
    this.#succeed(stream, to, 0);
    return stream;
  }

  /** A GET with `Last-Event-ID`. Throws CausewayError `request.event_id`. */
  resume(name: string, to: string, after: number): Stream {
    const stream = this.#byName.get(name);
    if (!stream?.covers(after)) throw new CausewayError('request.event_id');
    if (stream.kind === 'standalone' && stream !== this.#standalone) {
      this.#finished.forget(stream);
      this.#succeed(stream, to, after);
    } else stream.attach(to, after);
    if (stream.complete) this.#drain(stream);
    return stream;
  }

  /** The standalone stream from now on. It has its reader before it is given more: of what nobody reads only so much is kept. */
  #succeed(stream: Stream, to: string, after: number): void {
    const before = this.#standalone;
    this.#standalone = stream;
    stream.attach(to, after);
    carry(before, stream);
    before.release('taken_over');
    this.#finish(before);
  }

  /** A frame reached nobody. What a former standalone stream could not deliver is carried on by the present one. */
  lost(name: string, attachment: number, seq: number): Stream | undefined {
    const stream = this.#byName.get(name);
    if (!stream?.undelivered(attachment, seq)) return undefined;
    if (stream.kind === 'standalone' && stream !== this.#standalone) carry(stream, this.#standalone);
    return stream;
  }

  /** The reader of a call is gone for good and has heard it up to `heard`: what is tied to no call rides another stream. */
  forsake(stream: Stream, heard: number): void {
    if (stream.running) this.#running.remove(stream.running);
    for (const { bytes, loose } of stream.takeUnheard(heard)) if (loose) this.home().append(bytes, false, { loose });
  }

  /** Whether this is the stream of a call that is over, and whoever has it up to `after` has all of it. */
  isOver(name: string, after: number): boolean {
    const stream = this.#byName.get(name);
    if (!stream) return this.#past.get(name) === after;
    return stream.kind === 'call' && stream.complete && stream.newest === after;
  }

  find(name: string): Stream | undefined {
    return this.#byName.get(name);
  }

  /**
   * Where a message goes that stdio ties to no request: the newest call that somebody waits for, else the GET,
   * else the newest call whose reader is away and will come back for its answer, else it waits for a GET. Calls
   * come first because some clients read nothing else while they wait for one. A reader that was overtaken is
   * chosen only where there is no other.
   */
  home(): Stream {
    let attached: Stream | undefined;
    let overtaken: Stream | undefined;
    let running: Stream | undefined;
    for (const stream of this.#running) {
      running = stream;
      if (stream.to === undefined) continue;
      if (stream.lag?.overtaken) overtaken = stream;
      else attached = stream;
    }
    if (attached) return attached;
    if (overtaken && (this.#standalone.to === undefined || this.#standalone.lag?.overtaken)) return overtaken;
    return this.#standalone.to === undefined ? (running ?? this.#standalone) : this.#standalone;
  }

  /** The standalone stream, also for what is said before anybody can listen. */
  get standalone(): Stream {
    return this.#standalone;
  }

  /** Where that goes which was to ride `stream`: a call over HTTP+SSE may have come before the stream that it rides now. */
  present(stream: Stream): Stream {
    return stream.kind === 'call' ? stream : this.#standalone;
  }

  /** The call's stream has its last frame, or will never have one. */
  done(stream: Stream): void {
    if (stream.running) this.#running.remove(stream.running);
    this.#drain(stream);
    this.#finish(stream);
  }

  #drain(stream: Stream): void {
    if (stream.to !== undefined) stream.draining ??= this.#draining.add(stream);
  }

  #drained(stream: Stream): void {
    if (stream.draining) this.#draining.remove(stream.draining);
    stream.draining = undefined;
  }

  /** Somebody is attached who does not keep up. */
  get blocked(): boolean {
    if (this.#draining.size > 0) for (const stream of this.#draining) if (stream.to === undefined) this.#drained(stream);
    return this.#standalone.blocked || anyBlocked(this.#running) || anyBlocked(this.#draining);
  }

  /** Streams whose reader does not keep up. */
  lagging(): Stream[] {
    return [this.#standalone, ...this.#running, ...this.#draining].filter((stream) => stream.blocked);
  }

  /** A call waits for its answer whose reader, if it is there, keeps up. */
  get needed(): boolean {
    return [...this.#running].some((stream) => !stream.blocked);
  }

  /** The session is over: nothing is kept. */
  discard(): void {
    for (const stream of this.#byName.values()) stream.discard();
  }

  all(): Iterable<Stream> {
    return this.#byName.values();
  }

  #add(name: string, kind: Stream['kind']): Stream {
    const stream = new Stream(name, kind, this.#ports, this.#limits);
    this.#byName.set(name, stream);
    return stream;
  }

  /**
   * The stream is remembered for a replay, as long as there is room; a GET's also where nothing has come on it: its client may
   * come back with the id that it began with.
   */
  #finish(stream: Stream): void {
    if (stream.newest === 0 && (stream.kind !== 'standalone' || stream.attachment === 0)) this.#drop(stream);
    else this.#finished.add(stream, this.#clock.monotonic(), this.#width);
  }

  #drop(stream: Stream): void {
    this.#byName.delete(stream.name);
    if (stream.kind === 'call') this.#past.set(stream.name, stream.newest);
  }
}

/** Asked twice for each message: the links are walked without an iterator. */
function anyBlocked(streams: Chain<Stream>): boolean {
  for (let link = streams.first; link; link = link.after) if (link.value.blocked) return true;
  return false;
}

function carry(from: Stream, to: Stream): void {
  for (const { seq: _, bytes, last, ...facts } of from.takeUnsent()) to.append(bytes, last, facts);
}
