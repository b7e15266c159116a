/**
 * Owns the words about a child process. Its start is start.ts's, what happens between start and end is
 * live-child.ts's; the session decides what lines mean and when to stop.
 */

/** Bytes, counts and milliseconds. */
export interface ChildLimits {
  /** Longest line that the child may write. */
  readonly lineBytes: number;
  /** What may wait for the child to read; one frame larger than this is let in when nothing else waits. */
  readonly stdinBytes: number;
  readonly stdinFrames: number;
  /** Longest time the child may leave its stdin unread while something waits. */
  readonly stdinStall: number;
  /** Longest silence in the middle of a line. */
  readonly partialLine: number;
  readonly noisePerSecond: number;
  readonly noiseTotal: number;
}

export const CHILD_LIMITS: ChildLimits = {
  lineBytes: 16 * 1024 * 1024,
  stdinBytes: 1024 * 1024,
  stdinFrames: 256,
  stdinStall: 30_000,
  partialLine: 30_000,
  noisePerSecond: 100,
  noiseTotal: 1000,
};

/** Milliseconds that the child is given after the end of its stdin, and after TERM. */
export interface Ladder {
  readonly stdin: number;
  readonly term: number;
}

export const LADDER: Ladder = { stdin: 2000, term: 3000 };

export interface ChildCommand {
  /** A name that is looked up on the child's PATH, or a path relative to `cwd`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** What else of the worker's environment the child gets: all, or these names; never our own variables. */
  readonly passEnvironment?: boolean | readonly string[];
  /** The command and its arguments, joined by blanks, are a line for /bin/sh. */
  readonly shell?: boolean;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last lines of stderr, at most 5 and 2 KiB. */
  readonly stderr: readonly string[];
}

export type Breach = 'line_too_long' | 'stdin_stalled' | 'stdin_closed' | 'stdout_closed' | 'noise' | 'partial_line' | 'line_failed';

/** What the owner of a child may do with it at a moment. */
export interface ChildRight {
  /**
   * Asked before what the child said is looked at, and before what waits for it is written: whether it may be touched. What
   * it said is kept for later where this pauses the child; what waits is kept until `flush`, and with its end dropped.
   */
  mayTouch(): boolean;
  /** How often this process stood still for so long that nothing is written which was taken before. */
  stops(): number;
  /** Told of that once: the child has not heard everything, and is to be stopped. */
  late(): void;
}

export interface ChildListeners {
  /** Absent: it may always be touched. */
  readonly right?: ChildRight;
  /**
   * One complete line without its line feed; may be called many times in a turn, and still after `pause`. The bytes belong
   * to the listener. `call`: the id of the request that it belongs to, where that is known otherwise than by its own words.
   */
  line(bytes: Buffer, call?: number): void;
  /** The child broke the protocol for good; its owner stops it. Lines may still follow. */
  broken(why: Breach): void;
  exit(exit: ChildExit): void;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Writes one frame and a line feed. False: the child does not read, or is ending; nothing was written. The bytes belong to the child. */
  write(frame: Uint8Array): boolean;
  /** The line was no JSON-RPC. Too much of that and the child is broken. */
  noise(line: Uint8Array): void;
  /** The last lines of its stderr so far, as in `ChildExit`. */
  lastWords(): readonly string[];
  /** Stops reading stdout, so that the child waits. What it wrote before it ended is read all the same. Idempotent. */
  pause(): void;
  resume(): void;
  /** It may be touched again: what was kept is written. */
  flush(): void;
  /**
   * Ends stdin, then TERM, then KILL for the whole group; `gentle: false` sends TERM at once, also when a gentle
   * stop is under way. Idempotent. Resolves when the group is gone, in 6 s at most.
   */
  stop(options?: { readonly gentle?: boolean }): Promise<ChildExit>;
}

/** The part of a pino logger that is used here. */
export interface ChildLog {
  debug(facts: object, msg: string): void;
  info(facts: object, msg: string): void;
  warn(facts: object, msg: string): void;
}

export interface ChildDeps {
  readonly log: ChildLog;
  /** From `childMark` (orphans.ts). */
  readonly mark: string;
  /** One of `launchPrefixes` (launch.ts). */
  readonly prefix?: readonly string[];
  /** Is told of the group as long as it exists. */
  readonly warden?: { watch(group: number, started: string): void; release(group: number): void };
}

export interface ChildOptions {
  readonly limits?: ChildLimits;
  readonly ladder?: Ladder;
  /** Gives up before the process exists; later it does nothing. */
  readonly signal?: AbortSignal;
}
