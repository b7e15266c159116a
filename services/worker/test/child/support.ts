/** Starts the fixtures and keeps what they say; every child that a test started is gone when the test is over. */
import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { type Breach, type Child, type ChildCommand, type ChildDeps, type ChildExit, type ChildOptions } from '../../src/child/child.ts';
import { startChild } from '../../src/child/start.ts';
import { childMark } from '../../src/child/orphans.ts';

export const FIXTURE = fileURLToPath(new URL('../fixtures/child.mjs', import.meta.url));

export interface Recorded {
  readonly level: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly msg: string;
}

/** A log that remembers its records and emits each as `record`. */
export class MemoryLog extends EventEmitter<{ record: [Recorded] }> {
  readonly records: Recorded[] = [];
  debug = (facts: object, msg: string): void => this.#add('debug', facts, msg);
  info = (facts: object, msg: string): void => this.#add('info', facts, msg);
  warn = (facts: object, msg: string): void => this.#add('warn', facts, msg);

  #add(level: string, facts: object, msg: string): void {
    const record = { level, facts: { ...facts }, msg };
    this.records.push(record);
    this.emit('record', record);
  }

  /** The first record, past or to come, for which `match` holds. */
  async until(match: (record: Recorded) => boolean): Promise<Recorded> {
    // Several may come in one turn.
    for (;;) {
      const record = this.records.find(match);
      if (record !== undefined) return record;
      await once(this, 'record');
    }
  }
}

interface Heard {
  reading: [];
  line: [Buffer];
  broken: [Breach];
  exit: [ChildExit];
}

/** A child and everything that it told. */
export class Witness extends EventEmitter<Heard> {
  readonly lines: string[] = [];
  readonly breaches: Breach[] = [];
  readonly exits: ChildExit[] = [];
  readonly log: MemoryLog;
  /** Set by `start`. */
  child!: Child;
  keepLines = true;
  /** What it answers where it is asked. */
  mayTouch = true;

  constructor(log: MemoryLog) {
    super();
    this.log = log;
  }

  async untilLine(text: string): Promise<void> {
    while (!this.lines.includes(text)) await once(this, 'line');
  }

  async untilExit(): Promise<ChildExit> {
    if (this.exits.length === 0) await once(this, 'exit');
    const [exit] = this.exits;
    assert(exit);
    return exit;
  }

  async untilBroken(): Promise<Breach> {
    if (this.breaches.length === 0) await once(this, 'broken');
    const [breach] = this.breaches;
    assert(breach);
    return breach;
  }
}

export interface StartOptions extends ChildOptions {
  readonly command?: Partial<ChildCommand>;
  readonly deps?: Partial<ChildDeps>;
}

/** The fixture with these arguments, stopped with the test. */
export async function start(t: TestContext, args: readonly string[], { command, deps, ...options }: StartOptions = {}): Promise<Witness> {
  const log = new MemoryLog();
  const witness = new Witness(log);
  const mark = childMark({ worker: 'test', session: t.name.replaceAll(/\W+/g, '-'), epoch: 1 });
  witness.child = await startChild(
    { log, mark, ...deps },
    { command: process.execPath, args: [FIXTURE, ...args], env: {}, ...command },
    {
      right: {
        mayTouch: () => {
          witness.emit('reading');
          return witness.mayTouch;
        },
        stops: () => 0,
        late: () => undefined,
      },
      line: (bytes) => {
        if (witness.keepLines) witness.lines.push(bytes.toString());
        witness.emit('line', bytes);
      },
      broken: (why) => {
        witness.breaches.push(why);
        witness.emit('broken', why);
      },
      exit: (exit) => {
        witness.exits.push(exit);
        witness.emit('exit', exit);
      },
    },
    options,
  );
  t.after(() => witness.child.stop({ gentle: false }));
  return witness;
}

/** Numbers of the live processes of a group. */
export function groupMembers(group: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(of) === group && state !== 'Z';
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function rssMiB(): number {
  return process.memoryUsage.rss() / 1024 / 1024;
}
