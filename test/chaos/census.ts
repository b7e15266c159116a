/**
 * Owns the view of the children: every so often all processes that carry the test's mark and a worker's mark
 * (`CAUSEWAY_CHILD=<worker>/<session>/<epoch>@…;`). Only looks; what is wrong with it say the invariants.
 * Invariant: whoever is named in one scan was seen alive after all of them had been found, so two names in one scan
 * lived at the same time.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { MARK } from '../harness/processes.ts';

/** One process below a worker. */
export interface ChildLife {
  readonly pid: number;
  readonly worker: string;
  readonly session: string;
  readonly epoch: number;
  /** It was started by the worker, not by another child. */
  readonly root: boolean;
  /** `Date.now()` when it was first seen, and when it was first missed. */
  readonly born: number;
  gone?: number;
}

export interface Scan {
  readonly at: number;
  readonly live: readonly ChildLife[];
}

export interface Census extends AsyncDisposable {
  /** Oldest first. */
  readonly scans: readonly Scan[];
  /** Everybody who was ever seen. */
  readonly children: readonly ChildLife[];
  /** The next scan, which begins after this call. */
  next(): Promise<Scan>;
}

/** Milliseconds between scans. */
const EVERY = 250;
const FORM = /^([^/]+)\/([^/]+)\/(\d+)@/;

export function openCensus(mark: string): Census {
  const scans: Scan[] = [];
  const children: ChildLife[] = [];
  const known = new Map<number, { readonly life: ChildLife; readonly started: string }>();
  /** Processes that are certainly none of ours, by number and start. */
  const strangers = new Map<number, string>();
  const waiting = new Set<(scan: Scan) => void>();
  let closed = false;

  function find(pid: number, uptime: number): void {
    const stat = statOf(pid);
    if (stat === undefined) return;
    if (known.get(pid)?.started === stat.started || strangers.get(pid) === stat.started) return;
    const variables = read(`/proc/${pid}/environ`).split('\0');
    const [, worker, session, epoch] = FORM.exec(valueOf(variables, 'CAUSEWAY_CHILD') ?? '') ?? [];
    if (worker === undefined || session === undefined || valueOf(variables, MARK) !== mark) {
      // Between fork and exec a child still has the worker's environment: only old processes are surely strangers.
      if (uptime - Number(stat.started) / TICKS_PER_SECOND > 10) strangers.set(pid, stat.started);
      return;
    }
    const parent = known.get(stat.ppid)?.life;
    const root = parent?.session !== session || parent.worker !== worker;
    const life = { pid, worker, session, epoch: Number(epoch), root, born: Date.now() };
    children.push(life);
    known.set(pid, { life, started: stat.started });
  }

  function scan(): Scan {
    const uptime = Number(read('/proc/uptime').split(' ')[0]);
    for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) find(Number(name), uptime);
    const live: ChildLife[] = [];
    const at = Date.now();
    for (const [pid, { life, started }] of [...known]) {
      const stat = statOf(pid);
      if (stat !== undefined && !stat.dead && stat.started === started) live.push(life);
      else {
        life.gone = at;
        known.delete(pid);
      }
    }
    return { at, live };
  }

  const running = (async () => {
    while (!closed) {
      const asked = [...waiting];
      const began = performance.now();
      const done = scan();
      scans.push(done);
      for (const resolve of asked) {
        waiting.delete(resolve);
        resolve(done);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(50, EVERY - (performance.now() - began))));
    }
  })();

  return {
    scans,
    children,
    next: () => new Promise((resolve) => waiting.add(resolve)),
    async [Symbol.asyncDispose]() {
      closed = true;
      await running;
    },
  };
}

function valueOf(variables: readonly string[], name: string): string | undefined {
  return variables.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
}

const TICKS_PER_SECOND = 100;

/** Empty where there is nothing to read any more. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function statOf(pid: number): { readonly ppid: number; readonly started: string; readonly dead: boolean } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === '') return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', ppid = '0'] = fields;
  return { ppid: Number(ppid), started: fields[19] ?? '', dead: 'ZX'.includes(state) };
}
