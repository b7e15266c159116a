/**
 * Owns giving memory back while a process has nothing to do (docs/adr/0023). V8 collects when something is allocated: what
 * starting left behind, and what a hundred sessions left that were opened an hour ago, stays until there is work again.
 *
 * Invariants: nothing is collected while calls come, nor where a collection takes long; at rest it is done once for what
 * has gathered, and not again until as much has.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds between looks: a process that had nothing to do for so long is at rest. */
const LOOK = 10_000;
/** Share of the time in which its event loop has something to do at rest: some timers, on a machine that sleeps in between. */
const RESTING = 0.05;
const MIB = 2 ** 20;
/** Bytes that are worth a collection, which takes as long as a few hundred calls. */
const WORTH = 8 * MIB;
/** Bytes of objects of which a collection takes some 100 ms: above that the next call would notice. Buffers cost it nothing. */
const LARGE = 64 * MIB;

export interface Look {
  /** Share of the time since the last look in which the event loop had something to do. */
  readonly busy: number;
  /** Bytes of V8's own heap. */
  readonly heap: number;
  /** Bytes with what hangs on it, now and after the last collection that was asked for here; 0 before the first. */
  readonly used: number;
  readonly left: number;
}

/** Whether to collect now. */
export function isWorthwhile({ busy, heap, used, left }: Look): boolean {
  return busy < RESTING && heap < LARGE && used - left >= WORTH;
}

/** For a process of our own; a library leaves its host alone. Keeps no process alive. */
export function giveBackAtRest(): void {
  let collect: Collect | undefined;
  let left = 0;
  let since = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization: busy } = performance.eventLoopUtilization(now, since);
    since = now;
    if (!isWorthwhile({ busy, ...bytes(), left })) return;
    // The thorough one: it also gives back the pages that the young generation grew to.
    collect ??= collector();
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    left = bytes().used;
  };
  setInterval(look, LOOK).unref();
}

type Collect = (how: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** V8's own, which Node hands out on its command line only. Made when it is first wanted: it takes as long as loading a module. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}

function bytes(): Pick<Look, 'heap' | 'used'> {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return { heap, used: heap + outside };
}
