/**
 * Owns a process's life: the only code that touches signals, uncaught errors and the exit code.
 *
 * Invariants:
 *  1. First signal: unready, then drain with a deadline, then release, exit 0. Second signal: exit 1 at once.
 *  2. Before it is ready a signal abandons the start and exits 128 + signal number.
 *  3. Equal signals within 250 ms are one: a terminal, npm and systemd each deliver to parent and child, and the
 *     parent passes it on. So is the end of npm (`parentGone`, bin/causeway.js): SIGTERM to whoever was told nothing yet.
 *  4. After an uncaught error nothing of the process is trusted: one fatal line, exit 70. Others take over by lease.
 *  5. Where `rereads` says so, SIGHUP stops nothing: what runs reads again, at once or as soon as it is ready, until it is told to stop.
 *  6. The end of the process that started this one through an IPC channel (the launcher for older Nodes) ends this
 *     one too, without draining: who kills the launcher for good means what it runs, and nothing is left behind.
 *
 * It leaves to `Running` what draining and releasing mean.
 */
import { closeSync, openSync } from 'node:fs';
import { withDeadline } from './async.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Log } from './log.ts';

type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
/** `orphaned`: the launcher is gone. */
type Stop = StopSignal | 'orphaned';

const NUMBER: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
const ONE_PRESS_MS = 250;
/** What releasing may take when all else has gone wrong. */
const RELEASE_MS = 10_000;
/** The same when the launcher was killed; what is left of the children then is the warden's. */
const ORPHAN_MS = 2_500;
/** What a start that was abandoned may take to come to its end and be released. */
const ABANDON_MS = 3_000;

/** What was started, as its process sees it. */
export interface Running extends AsyncDisposable {
  /** Readiness turns false; nothing else changes yet. */
  unready?(): void;
  /** Takes nothing new and finishes what runs, within `ms` milliseconds. */
  drain(ms: number): Promise<void>;
  /** Reads its configuration again. Never throws. */
  reread?(): void;
  /** Resolves when the thing ends by itself; the process then ends with that code. */
  readonly ended?: Promise<number>;
}

/** The parts of `process` that are touched; a test gives its own. */
export interface ProcessDoor {
  on(event: string, listener: (first: unknown) => void): unknown;
  off(event: string, listener: (first: unknown) => void): unknown;
  exit(code: number): void;
}

export interface ProcessOptions {
  readonly log: Log & { flush?(): void };
  /** Milliseconds: how long draining may take, and how long it waits after turning unready. */
  readonly drain: { readonly timeout: number; readonly delay: number };
  /** Starts it. The signal fires when the process is told to stop before it is ready. */
  readonly start: (abandon: AbortSignal) => Promise<Running>;
  /** SIGHUP asks for reading again. Not for a process that a terminal may send it to (`hasTerminal`). Default false: it stops, too. */
  readonly rereads?: boolean;
  /** Turns a failed start into an exit code, having told the user. */
  readonly failed: (error: unknown) => number;
  readonly door?: ProcessDoor;
  readonly clock?: Clock;
}

/** Runs `start` for as long as the process lives; resolves with the exit code after asking the door to exit. */
export async function runProcess(options: ProcessOptions): Promise<number> {
  const door: ProcessDoor = options.door ?? process;
  const { log } = options;
  const exit = (code: number): number => {
    log.flush?.();
    door.exit(code);
    return code;
  };
  const second = (signal: Stop): void => {
    log.warn({ reason: signal }, 'second signal, ending at once');
    exit(1);
  };
  const hangups = options.rereads === true ? new Hangups() : undefined;
  const stops = listen(door, options.clock ?? systemClock, { second, hangup: hangups?.hear });
  const crash = (err: unknown): void => {
    log.fatal({ err }, 'uncaught error');
    exit(70);
  };
  door.on('uncaughtException', crash);
  door.on('unhandledRejection', crash);
  try {
    return exit(await live(options, stops, hangups));
  } finally {
    stops.release();
    door.off('uncaughtException', crash);
    door.off('unhandledRejection', crash);
  }
}

async function live(options: ProcessOptions, stops: Stops, hangups?: Hangups): Promise<number> {
  const { log, drain } = options;
  const abandon = new AbortController();
  void stops.first.then((signal) => abandon.abort(new Error(`stopped by ${signal}`)));
  const starting = options.start(abandon.signal);
  const begun = await Promise.race([
    starting.then(
      (running) => ({ running }),
      (error: unknown) => ({ error }),
    ),
    stops.first,
  ]);
  if (typeof begun === 'string') {
    const release = starting.then(
      async (running) => running[Symbol.asyncDispose](),
      () => undefined,
    );
    await withDeadline(release, ABANDON_MS).catch(() => log.warn({ ms: ABANDON_MS }, 'start could not be abandoned in time'));
    return 128 + NUMBER[begun === 'orphaned' ? 'SIGTERM' : begun];
  }
  if ('error' in begun) return options.failed(begun.error);
  const { running } = begun;
  hangups?.tell(() => running.reread?.());
  const why = await Promise.race([stops.first, running.ended ?? new Promise<never>(() => undefined)]);
  hangups?.tell(() => undefined);
  let code = 0;
  if (typeof why === 'number') code = why;
  else log.info({ reason: why }, 'stopping');
  if (typeof why === 'string' && why !== 'orphaned') {
    running.unready?.();
    if (drain.delay > 0) await new Promise((resolve) => setTimeout(resolve, drain.delay));
    await withDeadline(running.drain(drain.timeout), drain.timeout + 1_000, 'draining').catch((err: unknown) =>
      log.warn({ err }, 'drain was cut short'),
    );
  }
  try {
    const deadline = why === 'orphaned' ? ORPHAN_MS : RELEASE_MS;
    await withDeadline(Promise.resolve(running[Symbol.asyncDispose]()), deadline, 'releasing');
  } catch (err) {
    log.error({ err }, 'release failed');
    code = 1;
  }
  log.info('stopped');
  return code;
}

/** Signals to read again. One that comes before there is somebody to tell is told then. */
class Hangups {
  #tell: (() => void) | undefined;
  #due = false;

  readonly hear = (): void => {
    if (this.#tell) this.#tell();
    else this.#due = true;
  };

  tell(reread: () => void): void {
    this.#tell = reread;
    if (this.#due) reread();
    this.#due = false;
  }
}

interface Stops {
  readonly first: Promise<Stop>;
  release(): void;
}

interface Listeners {
  readonly second: (stop: Stop) => void;
  /** Told of SIGHUP where that is no stop. */
  readonly hangup: (() => void) | undefined;
}

function listen(door: ProcessDoor, clock: Clock, { second, hangup }: Listeners): Stops {
  const { promise, resolve } = Promise.withResolvers<Stop>();
  let told: { readonly stop: Stop; readonly at: number } | undefined;
  const hear = (stop: Stop): void => {
    const at = clock.monotonic();
    if (told === undefined) {
      told = { stop, at };
      resolve(stop);
    } else if (told.stop !== stop || at - told.at > ONE_PRESS_MS) second(stop);
  };
  const listeners = (Object.keys(NUMBER) as StopSignal[]).map((signal) => {
    const stop = (): void => hear(signal);
    return [signal, signal === 'SIGHUP' ? (hangup ?? stop) : stop] as const;
  });
  for (const [signal, listener] of listeners) door.on(signal, listener);
  const orphaned = (): void => hear('orphaned');
  door.on('disconnect', orphaned);
  const parentGone = (): void => {
    if (told === undefined) hear('SIGTERM');
  };
  door.on('parentGone', parentGone);
  // The channel must not keep the process alive once everything else has ended.
  if (door === (process as unknown as ProcessDoor)) process.channel?.unref();
  return {
    first: promise,
    release: () => {
      for (const [signal, listener] of listeners) door.off(signal, listener);
      door.off('disconnect', orphaned);
      door.off('parentGone', parentGone);
    },
  };
}

/**
 * Whether this process has a terminal, whose end would send it SIGHUP. To be asked at the start: after that end nobody can tell.
 * On Windows every SIGHUP is the end of a console.
 */
export function hasTerminal(): boolean {
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** Runs `fn` when the process exits, in whatever way it can still notice; synchronous. Returns the way to remove it. */
export function atExit(fn: () => void): () => void {
  process.on('exit', fn);
  return () => void process.off('exit', fn);
}
