/**
 * Owns one child process from its first byte to the end of the last process of its group: what goes in and
 * out of it and how it is stopped. The session decides what lines mean and when to stop.
 *
 * Invariants:
 *  1. `exit` is told exactly once, after the last line, and no later than 250 ms after the child ended.
 *  2. `broken` is told at most once, and not after `stop` or `exit`.
 *  3. Nothing here grows without a bound: input.ts, framing.ts and stderr.ts each state theirs.
 *  4. When the leader ends, by itself or not, the rest of its group is stopped too.
 *  5. No line of a child, whatever it is, ends anything but the child.
 *  6. Nothing of the child is left when `stop` resolves, except what left its group (orphans.ts).
 */
import { once } from 'node:events';
import type { Breach, Child, ChildDeps, ChildExit, ChildLimits, ChildListeners, Ladder } from './child.ts';
import { createFraming, type Framing } from './framing.ts';
import { openInput, type Input } from './input.ts';
import { descend, within } from './ladder.ts';
import { createNoise, type Noise } from './noise.ts';
import { hear } from './pipe.ts';
import { readStat } from './proc.ts';
import { processGroup, type ProcessGroup } from './process-group.ts';
import type { Scrub } from './secrets.ts';
import type { Spawned } from './spawn.ts';
import { openStderr, type Stderr } from './stderr.ts';

export interface ChildParts {
  readonly spawned: Spawned;
  readonly deps: ChildDeps;
  readonly listeners: ChildListeners;
  readonly limits: ChildLimits;
  readonly ladder: Ladder;
  /** Takes its secrets out of what it prints. */
  readonly scrub: Scrub;
}

/** Attaches to a process in the turn in which it was spawned. */
export function attachChild(parts: ChildParts): Child {
  return new LiveChild(parts);
}

/** Milliseconds that a child without stdout is given to end by itself. */
const MUTED = 100;
/** How often that time is given again to one that is on the way to its end. */
const ENDING = 50;
/** How long output is read after the child has ended: a grandchild may hold the pipes open for good. */
const DRAIN = 250;
const NOTHING = Buffer.alloc(0);
const TAIL_LINES = 5;
const TAIL_BYTES = 2048;

class LiveChild implements Child {
  readonly pid: number;
  readonly #spawned: Spawned;
  readonly #deps: ChildDeps;
  readonly #listeners: ChildListeners;
  readonly #limits: ChildLimits;
  readonly #ladder: Ladder;
  readonly #group: ProcessGroup;
  readonly #input: Input;
  readonly #framing: Framing;
  readonly #stderr: Stderr;
  readonly #noise: Noise;
  /** Ends the listening to stdout. */
  readonly #deafen: () => void;
  readonly #leader = Promise.withResolvers<void>();
  readonly #hasten = Promise.withResolvers<void>();
  readonly #told = Promise.withResolvers<ChildExit>();
  #stopped: Promise<ChildExit> | undefined;
  #ended = false;
  #broken = false;
  #paused = false;
  #partial: NodeJS.Timeout | undefined;
  /** Runs from the end of its stdout on. */
  #mute: NodeJS.Timeout | undefined;

  constructor({ spawned, deps, listeners, limits, ladder, scrub }: ChildParts) {
    const { pid, stdin, stdout, stderr } = spawned;
    this.pid = pid;
    this.#spawned = spawned;
    this.#deps = deps;
    this.#listeners = listeners;
    this.#limits = limits;
    this.#ladder = ladder;
    this.#group = processGroup(pid);
    const { stdinBytes: bytes, stdinFrames: frames, stdinStall: stall } = limits;
    const { right } = listeners;
    this.#input = openInput(stdin, { bytes, frames, stall }, { right, broken: (why) => this.#breach(why) });
    this.#framing = createFraming(limits.lineBytes, {
      line: (line) => this.#line(line),
      blank: () => this.noise(NOTHING),
      tooLong: () => this.#breach('line_too_long'),
    });
    this.#stderr = openStderr(stderr, { log: deps.log, pid, scrub });
    this.#noise = createNoise({ perSecond: limits.noisePerSecond, total: limits.noiseTotal }, { log: deps.log, pid, scrub });
    this.#deafen = hear(stdout, { data: (chunk: Buffer) => this.#read(chunk), end: () => this.#muted() });
    spawned.process.once('exit', (code, signal) => void this.#end(code, signal));
    // Read while the process cannot have been collected yet: the number is certainly the child's.
    deps.warden?.watch(pid, readStat(pid)?.started ?? '');
  }

  write(frame: Uint8Array): boolean {
    return this.#input.write(frame);
  }

  noise(line: Uint8Array): void {
    if (!this.#noise.add(line)) this.#breach('noise');
  }

  lastWords(): readonly string[] {
    return this.#stderr.tail(TAIL_LINES, TAIL_BYTES);
  }

  pause(): void {
    this.#flow(true);
  }

  resume(): void {
    this.#flow(false);
  }

  flush(): void {
    this.#input.flush();
  }

  stop({ gentle = true }: { readonly gentle?: boolean } = {}): Promise<ChildExit> {
    if (!gentle) this.#hasten.resolve();
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ gentle: false });
  }

  async #stop(): Promise<ChildExit> {
    this.#input.end();
    clearTimeout(this.#partial);
    clearTimeout(this.#mute);
    const { promise: leader } = this.#leader;
    const gone = await descend({ group: this.#group, leader, hasten: this.#hasten.promise, ladder: this.#ladder });
    if (gone) this.#deps.warden?.release(this.pid);
    else this.#deps.log.warn({ pid: this.pid }, 'processes of the child are left after KILL');
    // A process that hangs in the kernel is given up; its exit may never come.
    if (!gone) void this.#end(null, 'SIGKILL');
    return this.#told.promise;
  }

  #read(chunk: Buffer): void {
    if (!this.#ended) this.#listeners.right?.mayTouch();
    if (this.#paused && !this.#ended) return this.#spawned.stdout.unshift(chunk);
    this.#framing.push(chunk);
    this.#watch();
  }

  /** Whatever one child prints must not end the others: what nobody has foreseen ends this one alone. */
  #line(line: Buffer): void {
    try {
      this.#listeners.line(line);
    } catch (error) {
      this.#deps.log.warn({ err: error, pid: this.pid }, 'line of the child not handled');
      this.#breach('line_failed');
    }
  }

  #flow(paused: boolean): void {
    if (this.#ended || paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#spawned.stdout.pause();
    else this.#spawned.stdout.resume();
    this.#input.hold(paused);
    this.#watch();
  }

  /** The clock of a partial line runs while the rest of it could be read. */
  #watch(): void {
    clearTimeout(this.#partial);
    if (!this.#framing.partial || this.#paused || this.#ended || this.#stopped) return;
    this.#partial = setTimeout(() => this.#breach('partial_line'), this.#limits.partialLine);
  }

  /**
   * A child that has closed its stdout and does not end right away will never answer again. One that ends has closed it
   * too, and on a busy machine a while before its exit is told.
   */
  #muted(patience = ENDING): void {
    if (this.#ended || this.#stopped) return;
    this.#mute = setTimeout(() => {
      if (patience > 0 && readStat(this.pid)?.ending === true) this.#muted(patience - 1);
      else this.#breach('stdout_closed');
    }, MUTED);
  }

  #breach(why: Breach): void {
    if (this.#broken || this.#ended || this.#stopped) return;
    this.#broken = true;
    this.#deps.log.warn({ pid: this.pid, reason: why }, 'child broke the stdio protocol');
    this.#listeners.broken(why);
  }

  async #end(code: number | null, signal: string | null): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { stdout, stderr } = this.#spawned;
    clearTimeout(this.#partial);
    clearTimeout(this.#mute);
    this.#group.leaderGone();
    this.#leader.resolve();
    this.#input.close();
    void this.stop({ gentle: false });
    stdout.resume();
    const closed = [stdout, stderr].filter((stream) => !stream.closed).map((stream) => once(stream, 'close'));
    await within(Promise.allSettled(closed), DRAIN);
    if (stdout.readableEnded) this.#framing.end();
    this.#deafen();
    stdout.destroy();
    stderr.destroy();
    this.#stderr.close();
    const exit = { code, signal, stderr: this.lastWords() };
    this.#listeners.exit(exit);
    this.#told.resolve(exit);
  }
}
