/**
 * Owns all streams of one session: which of them a message of the server rides, which one a client
 * resumes, and how many finished ones are remembered.
 *
 * Invariants: every message rides exactly one stream; a message without a home waits in the standalone
 * stream; finished streams are bounded in frames, bytes and age together.
 */
import { CausewayError } from '@causeway/protocol';
import { Chain, Register, remember, type Clock } from '@causeway/runtime';
import { Stream } from './stream.ts';
import type { FinishedStream, StreamLimits, StreamPorts } from './stream-ports.ts';

export interface StreamsLimits extends StreamLimits {
  /** Milliseconds that a finished stream is kept. */
  readonly age: number;
}

/**
 * Finished streams that are remembered although they were sent to their end: enough for the answers that were on
 * their way when a client's connection broke, and few enough to be gone before the collector has to move them.
 */
const MAX_SENT = 32;

/** Past calls that are known by name, so that none runs twice. */
const MAX_PAST = 256;

export class Streams {
  readonly #ports: StreamPorts;
  readonly #limits: StreamsLimits;
  readonly #clock: Clock;
  readonly #byName = new Register<string, Stream>();
  /** Calls that are not answered yet, in the order of their arrival. */
  readonly #running = new Chain<Stream>();
  /** Complete streams whose reader has not been sent everything. */
  readonly #draining = new Chain<Stream>();
  readonly #finished = new Chain<FinishedStream>();
  /** Names of calls whose streams are no longer kept, the newest ones. */
  readonly #past = new Set<string>();
  /** The sums of what is booked. */
  #frames = 0;
  #bytes = 0;
  #standalone: Stream;

  constructor(ports: StreamPorts, limits: StreamsLimits, clock: Clock) {
    this.#ports = ports;
    this.#limits = limits;
    this.#clock = clock;
    this.#standalone = this.#add('-', 'standalone');
  }

  /**
   * The stream of a call, or of the batch that the call belongs to; attached to `to`. Throws `cluster.owner_lost` for
   * a call that was here before and whose answer is no longer kept.
   */
  call(name: string, to: string, answers: number): Stream {
    const known = this.#byName.get(name);
    if (known) return known;
    if (this.#past.has(name)) throw new CausewayError('cluster.owner_lost');
    const stream = this.#add(name, 'call');
    stream.answersLeft = answers;
    stream.running = this.#running.add(stream);
    stream.attach(to, 0);
    return stream;
  }

  /** A fresh GET, or the one stream of a 2024-11-05 session: takes over from the one before, and carries on with what nobody was sent. */
  open(name: string, kind: 'standalone' | 'sse', to: string): Stream {
    const before = this.#standalone;
    // An edge that heard no yes asks again.
    if (before.name === name) {
      before.attach(to, 0);
      return before;
    }
    before.release('taken_over');
    const stream = this.#add(name, kind);
    this.#standalone = stream;
    carry(before, stream);
    this.#finish(before);
    stream.attach(to, 0);
    return stream;
  }

  /** A GET with `Last-Event-ID`. Throws CausewayError `request.event_id`. */
  resume(name: string, to: string, after: number): Stream {
    const stream = this.#byName.get(name);
    if (!stream?.covers(after)) throw new CausewayError('request.event_id');
    if (stream.kind === 'standalone' && stream !== this.#standalone) {
      const before = this.#standalone;
      before.release('taken_over');
      this.#forget(stream);
      this.#standalone = stream;
      carry(before, stream);
      this.#finish(before);
    }
    stream.attach(to, after);
    if (stream.complete) this.#drain(stream);
    return stream;
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
    for (const stream of this.#draining) if (stream.to === undefined) this.#drained(stream);
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

  /** The stream is remembered for a replay, as long as there is room. */
  #finish(stream: Stream): void {
    if (stream.newest === 0) return this.#drop(stream);
    this.#forget(stream);
    const { frames, bytes } = stream;
    const now = this.#clock.monotonic();
    stream.finished = this.#finished.add({ stream, at: now, frames, bytes });
    this.#frames += frames;
    this.#bytes += bytes;
    for (const old of this.#finished) {
      if (old.at >= now - this.#limits.age) break;
      this.#giveUp(old.stream);
    }
    // What was sent to the end is most likely not asked for again; what its reader left before the end is.
    for (const awaited of [false, true]) {
      for (const { stream: old } of this.#finished) {
        const over = this.#frames > this.#limits.frames || this.#bytes > this.#limits.bytes;
        if (!over && (awaited || this.#finished.size <= MAX_SENT)) break;
        if (old !== stream && old.awaited === awaited) this.#giveUp(old);
      }
    }
  }

  #giveUp(stream: Stream): void {
    if (stream.blocked) return;
    this.#forget(stream);
    this.#drop(stream);
    stream.discard();
  }

  #drop(stream: Stream): void {
    this.#byName.delete(stream.name);
    if (stream.kind !== 'call') return;
    remember(this.#past, stream.name, MAX_PAST);
  }

  /** Takes a stream off the account of the finished ones, with what was booked for it. */
  #forget(stream: Stream): void {
    const { finished } = stream;
    if (!finished) return;
    this.#finished.remove(finished);
    stream.finished = undefined;
    this.#frames -= finished.value.frames;
    this.#bytes -= finished.value.bytes;
  }
}

function anyBlocked(streams: Iterable<Stream>): boolean {
  for (const stream of streams) if (stream.blocked) return true;
  return false;
}

function carry(from: Stream, to: Stream): void {
  for (const { seq: _, bytes, last, ...facts } of from.takeUnsent()) to.append(bytes, last, facts);
}
