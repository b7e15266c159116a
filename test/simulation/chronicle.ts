/** Owns what the services of a simulation log: why sessions ended, and that nothing happened which must not. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import type { Log, LogWrite } from '@causeway/runtime';

/** Errors that belong to faults; anything else at that level is a defect. */
const EXPECTED: ReadonlySet<string> = new Set([
  'lease lost, sessions wait for another',
  'lease lost, ending every session',
  'no lease in time, ending every session',
  'sessions could not be taken in again in time, ending them',
]);

/** Lines that are kept for whoever looks at a schedule (`SIM_LOG=1`). */
const loud = process.env['SIM_LOG'] !== undefined;

export class Chronicle {
  readonly #now: () => number;
  /** Why a session ended, by the first 8 characters of its token; by each of its owners. */
  readonly names = new Map<string, string>();
  readonly endings = new Map<string, Set<string>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  log(facts: Readonly<Record<string, unknown>>): Log {
    const at =
      (level: string): LogWrite =>
      (first: unknown, message?: string) => {
        const all = typeof first === 'string' ? facts : { ...facts, ...(first as object) };
        this.#take(level, message ?? String(first), all);
      };
    return {
      trace: at('trace'),
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      fatal: at('fatal'),
      child: (more) => this.log({ ...facts, ...more }),
      isLevelEnabled: () => true,
    };
  }

  /** Says something about the schedule itself. */
  say(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#take('sim', message, facts);
  }

  #ended(session: string, reason: string): void {
    this.endings.set(session, (this.endings.get(session) ?? new Set()).add(reason));
  }

  #take(level: string, message: string, facts: Readonly<Record<string, unknown>>): void {
    const { session = '', of = '', err, ...more } = facts as { readonly session?: string; readonly of?: string; readonly err?: unknown };
    if (loud) {
      const who = `${of} ${this.names.get(session) ?? session}`.trim();
      const what = err instanceof Error ? `${message}: ${err.message}` : message;
      // The thread may be ended before a stream of its own is written out.
      writeSync(2, `${Math.round(this.#now())} ${level} ${who}: ${what} ${JSON.stringify(more)}\n`);
    }
    if (level === 'error' || level === 'fatal') {
      assert.ok(EXPECTED.has(message), `${message}: ${err instanceof Error ? err.stack : JSON.stringify(facts)}`);
    }
    if (message === 'session ended') this.#ended(String(facts['session']), String(facts['reason']));
  }
}
