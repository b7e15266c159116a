/**
 * Owns a child's stderr: free text for people, never a sign of failure.
 *
 * Invariants:
 *  1. It is always read, however much comes, so that the child never waits for us.
 *  2. One record for each line, at most `linesPerSecond`, then one record that says how many were left out.
 *  3. Records hold no control characters and no more than `lineBytes` of a line.
 *  4. The last `keepBytes` are kept to explain why a child ended.
 *  5. What it is configured with as secrets does not leave this place as it was written (secrets.ts).
 */
import type { Readable } from 'node:stream';
import type { ChildLog } from './child.ts';
import { hear } from './pipe.ts';
import type { Scrub } from './secrets.ts';

export interface StderrLimits {
  readonly linesPerSecond: number;
  readonly lineBytes: number;
  readonly keepBytes: number;
}

const STDERR_LIMITS: StderrLimits = { linesPerSecond: 200, lineBytes: 4096, keepBytes: 65_536 };

export interface StderrDeps {
  readonly log: ChildLog;
  readonly pid: number;
  readonly scrub: Scrub;
}

export interface Stderr {
  /** The last lines in the order they came, at most `lines` of them and `bytes` in all; frames of a stack are none. */
  tail(lines: number, bytes: number): readonly string[];
  /** Logs what is outstanding; nothing is read any more. */
  close(): void;
}

export function openStderr(stream: Readable, deps: StderrDeps, limits: StderrLimits = STDERR_LIMITS): Stderr {
  return new StderrDrain(stream, deps, limits);
}

const LINE_FEED = 0x0a;
/** Of Node and Java. What an error says stands above its frames, which would leave no room for it. */
const FRAME = /^\s+at\s/;

class StderrDrain implements Stderr {
  readonly #log: ChildLog;
  readonly #pid: number;
  readonly #scrub: Scrub;
  readonly #limits: StderrLimits;
  readonly #deafen: () => void;
  #kept: Buffer = Buffer.alloc(0);
  #keptLength = 0;
  /** The line that is being assembled, cut at the limit. */
  #partial: Buffer = Buffer.alloc(0);
  #logged = 0;
  #suppressed = 0;
  #second: NodeJS.Timeout | undefined;

  constructor(stream: Readable, { log, pid, scrub }: StderrDeps, limits: StderrLimits) {
    this.#log = log;
    this.#pid = pid;
    this.#scrub = scrub;
    this.#limits = limits;
    this.#deafen = hear(stream, { data: (chunk: Buffer) => this.#take(chunk) });
  }

  tail(lines: number, bytes: number): readonly string[] {
    const start = Math.max(0, this.#keptLength - bytes);
    const text = this.#kept.toString('utf8', start, this.#keptLength);
    const found = this.#scrub(text, start > 0 ? 'start' : undefined)
      .split('\n')
      .map((line) => printable(line).trimEnd())
      .filter((line) => line !== '' && !FRAME.test(line));
    const last: string[] = [];
    let room = bytes;
    for (const line of found.slice(-lines).toReversed()) {
      const size = Buffer.byteLength(line);
      if (size > room && last.length > 0) break;
      last.unshift(size > room ? Buffer.from(line).toString('utf8', size - room) : line);
      room -= size;
    }
    return last;
  }

  close(): void {
    this.#deafen();
    if (this.#partial.length > 0) this.#record(this.#partial);
    this.#partial = Buffer.alloc(0);
    clearTimeout(this.#second);
    this.#turn();
  }

  #take(chunk: Buffer): void {
    this.#keep(chunk);
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#line(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) this.#partial = this.#extended(chunk, start, chunk.length);
  }

  #line(chunk: Buffer, start: number, end: number): void {
    if (this.#logged < this.#limits.linesPerSecond) {
      const line = this.#extended(chunk, start, end);
      if (line.length > 0) this.#record(line);
    } else {
      this.#suppressed += 1;
    }
    this.#partial = Buffer.alloc(0);
  }

  /** The partial line and these bytes, up to one byte past the limit, which shows that something is missing. */
  #extended(chunk: Buffer, start: number, end: number): Buffer {
    const room = this.#limits.lineBytes + 1 - this.#partial.length;
    if (room <= 0) return this.#partial;
    return Buffer.concat([this.#partial, chunk.subarray(start, Math.min(end, start + room))]);
  }

  #record(line: Buffer): void {
    if (this.#logged >= this.#limits.linesPerSecond) {
      this.#suppressed += 1;
      return;
    }
    this.#logged += 1;
    this.#second ??= setTimeout(() => this.#turn(), 1000).unref();
    const cut = line.length > this.#limits.lineBytes;
    const shown = line.toString('utf8', 0, Math.min(line.length, this.#limits.lineBytes));
    const text = printable(this.#scrub(shown, cut ? 'end' : undefined)).trimEnd();
    this.#log.info({ stream: 'stderr', pid: this.#pid, line: cut ? `${text}…` : text }, 'child wrote to stderr');
  }

  /** The second is over. */
  #turn(): void {
    this.#second = undefined;
    if (this.#suppressed > 0) {
      this.#log.info({ stream: 'stderr', pid: this.#pid, lines: this.#suppressed }, `suppressed ${this.#suppressed} lines`);
    }
    this.#logged = 0;
    this.#suppressed = 0;
  }

  #keep(chunk: Buffer): void {
    const keep = this.#limits.keepBytes;
    const fresh = chunk.length > keep ? chunk.subarray(chunk.length - keep) : chunk;
    const dropped = Math.max(0, this.#keptLength + fresh.length - keep);
    this.#kept.copyWithin(0, dropped, this.#keptLength);
    this.#keptLength -= dropped;
    const needed = this.#keptLength + fresh.length;
    if (needed > this.#kept.length) {
      const larger = Buffer.alloc(Math.min(keep, Math.max(1024, needed * 2)));
      this.#kept.copy(larger, 0, 0, this.#keptLength);
      this.#kept = larger;
    }
    fresh.copy(this.#kept, this.#keptLength);
    this.#keptLength = needed;
  }
}

/** Control characters and marks that reverse the reading direction, written out: they could repaint a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\t' || character === '\r' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
