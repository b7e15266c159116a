/**
 * Owns the step from bytes to lines.
 *
 * Invariants:
 *  1. A line ends at 0x0A and nowhere else: U+2028 inside a string and characters split across chunks stay whole.
 *  2. The lines do not depend on how the bytes were cut into chunks.
 *  3. Work is linear in the bytes and at most `limit` bytes of one line are held; a longer line is thrown away up
 *     to its line feed and told once.
 *
 * What a line means is left to the listener; how long a partial line may wait is child.ts's.
 */

export interface LineSink {
  /** One line without its line feed and one trailing carriage return, never blank. The bytes belong to the sink. */
  line(bytes: Buffer): void;
  /** A line of nothing but white space, after another such: one alone is how some servers end their messages. */
  blank(): void;
  /** A line grew past the limit. Told once for that line; the lines after it follow as usual. */
  tooLong(): void;
}

export interface Framing {
  /** Takes over the chunk; its memory must not be written to afterwards. */
  push(chunk: Buffer): void;
  /** The stream is over: an unterminated last line counts as a line. */
  end(): void;
  /** Whether a line has begun and its line feed is still missing. */
  readonly partial: boolean;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const LOOSE = 256;

/** `limit`: most bytes between two line feeds. */
export function createFraming(limit: number, sink: LineSink): Framing {
  return new LineSplitter(limit, sink);
}

class LineSplitter implements Framing {
  readonly #limit: number;
  readonly #sink: LineSink;
  /** Pieces of the line that is being assembled, joined when it ends. */
  #parts: Buffer[] = [];
  /** How many pieces at the end of `#parts` have not been joined yet. */
  #loose = 0;
  #held = 0;
  #discarding = false;
  #first = true;
  /** The line before was blank. */
  #blank = false;

  constructor(limit: number, sink: LineSink) {
    this.#limit = limit;
    this.#sink = sink;
  }

  get partial(): boolean {
    return this.#held > 0 || this.#discarding;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#take(chunk, start, end);
      this.#finish();
      start = end + 1;
    }
    if (start < chunk.length) this.#take(chunk, start, chunk.length);
  }

  end(): void {
    if (this.partial) this.#finish();
  }

  #take(chunk: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.#discarding || bytes === 0) return;
    if (this.#held + bytes > this.#limit) {
      this.#reset();
      this.#discarding = true;
      this.#sink.tooLong();
      return;
    }
    const piece = chunk.subarray(start, end);
    // A short line must not keep the whole chunk alive for as long as somebody remembers it.
    this.#parts.push(bytes * 2 < chunk.buffer.byteLength ? Buffer.from(piece) : piece);
    this.#held += bytes;
    this.#loose += 1;
    if (this.#loose === LOOSE) this.#join();
  }

  /** Bounds the overhead of a line that trickles in byte by byte; every byte is joined like this once. */
  #join(): void {
    this.#parts.push(Buffer.concat(this.#parts.splice(-LOOSE)));
    this.#loose = 0;
  }

  #reset(): void {
    this.#parts = [];
    this.#loose = 0;
    this.#held = 0;
  }

  #finish(): void {
    const first = this.#first;
    this.#first = false;
    if (this.#discarding) {
      this.#discarding = false;
      return;
    }
    if (this.#held === 0) return this.#nothing();
    const [only] = this.#parts;
    const whole = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts, this.#held);
    this.#reset();
    const line = trimmed(whole, first);
    if (blank(line)) return this.#nothing();
    this.#blank = false;
    this.#sink.line(line);
  }

  #nothing(): void {
    if (this.#blank) this.#sink.blank();
    this.#blank = true;
  }
}

function trimmed(line: Buffer, first: boolean): Buffer {
  const start = first && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  const end = line.length > start && line[line.length - 1] === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return start === 0 && end === line.length ? line : line.subarray(start, end);
}

/** Nothing but what JSON counts as white space. */
function blank(line: Buffer): boolean {
  for (const byte of line) if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return false;
  return true;
}
