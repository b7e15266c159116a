/**
 * Owns the one child of a pool that listens for subscriptions: it is kept as long as there are any, and told which
 * resources they name.
 *
 * Invariants: the child is asked for a resource as long as somebody wants it, counted by who wants it; one that serves
 * only one use at a time is held alone, so that nothing else speaks of resources; it does not keep calls from the last children;
 * whoever listens waits for what the child says, like a call (pooled-process.ts), and is told what the server refuses, before
 * it is agreed to or, at the latest, when that is known.
 */
import { CausewayError } from '@causeway/protocol';
import type { Reader } from '../session/patience.ts';
import type { Changes, ChangesEvents } from './changes.ts';
import { servesOne } from './lease.ts';
import type { Pool } from './pool.ts';
import type { PooledProcess } from './pooled-process.ts';
import { Wishes } from './wishes.ts';

/** Requests that a server has not answered yet; its stdin takes no more than a few times as many. */
const AT_ONCE = 128;

/** What somebody listens to: lists as an acknowledgement names them, and resources. */
export interface Wanted {
  readonly lists: readonly string[];
  readonly resources: readonly string[];
}

export interface Watcher {
  readonly reader: Reader;
  /** The server does not tell of all that any more. */
  refused(): void;
}

export interface Watch {
  readonly pool: Pool;
  readonly process: PooledProcess;
  /** `who` wants to hear of this, until it is deleted. What of it will be told. Rejects with CausewayError. */
  add(who: Watcher, wanted: Wanted): Promise<Wanted>;
  delete(who: Watcher): void;
  /** Nobody listens any more. */
  close(): void;
}

/** Rejects with CausewayError. `lost`: the child is gone, or says nothing any more. */
export async function openWatch(pool: Pool, lost: () => void): Promise<Watch> {
  const alone = servesOne(pool.order);
  const lease = await pool.lease({ exclusive: alone, lasts: true });
  const { process } = lease;
  if (alone && !pool.park(process, true)) {
    lease.end('sound');
    throw new CausewayError('limit.listens', { retryAfter: 5 });
  }
  const wanted = new Wishes<Watcher>();
  /** Under which number each of them waits. */
  const waiting = new Map<Watcher, number>();
  const leave = (who: Watcher): void => {
    const number = waiting.get(who);
    if (number !== undefined) process.forget(number);
    waiting.delete(who);
  };
  const { changes } = process;
  /** Not answered before its end. */
  const alive = process.begin({ waits: false, answered: nothing, failed: () => lost() });
  const resources = changes ? byChanges(changes, wanted) : byRequests(process, wanted);
  const watch: Watch = {
    ...{ pool, process },
    async add(who, what) {
      waiting.set(who, process.begin({ reader: who.reader, answered: nothing, failed: nothing }));
      try {
        return await resources.add(who, what);
      } catch (error) {
        watch.delete(who);
        throw error;
      }
    },
    delete(who) {
      leave(who);
      resources.drop(wanted.delete(who));
    },
    close() {
      for (const who of waiting.keys()) leave(who);
      // Another watch may have begun at this child.
      if (changes?.events === hears) changes.events = undefined;
      resources.drop(wanted.clear());
      process.forget(alive);
      lease.end('sound');
    },
  };
  const hears = events(watch, wanted, lost);
  if (changes) changes.events = hears;
  return watch;
}

const nothing = (): void => undefined;

/** How a server is told which resources are wanted. */
interface Resources {
  add(who: Watcher, wanted: Wanted): Promise<Wanted>;
  /** Nobody wants these any more. */
  drop(uris: ReadonlySet<string>): void;
}

/** With a handshake: one request for each, a few at a time, and what it says to that is not waited for. */
function byRequests(process: PooledProcess, wanted: Wishes<Watcher>): Resources {
  const waiting: (readonly [method: string, uri: string])[][] = [];
  let running = 0;
  const next = (): void => {
    for (; running < AT_ONCE && waiting.length > 0; running += 1) {
      const [method, uri] = waiting[0]!.pop()!;
      if (waiting[0]!.length === 0) waiting.shift();
      void process
        .ask(method, JSON.stringify({ uri }), { waits: false })
        .catch(() => undefined)
        .finally(() => {
          running -= 1;
          next();
        });
    }
  };
  const ask = (method: string, uris: Iterable<string>): void => {
    const all = Array.from(uris, (uri) => [method, uri] as const).toReversed();
    if (all.length > 0) waiting.push(all);
    next();
  };
  return {
    async add(who, what) {
      ask('resources/subscribe', wanted.set(who, new Set(what.resources)).added);
      return what;
    },
    drop: (uris) => ask('resources/unsubscribe', uris),
  };
}

/** Without: by one subscription, of which it says what it agrees to. */
function byChanges(changes: Changes, wanted: Wishes<Watcher>): Resources {
  return {
    async add(who, { lists, resources }) {
      wanted.set(who, new Set(resources));
      const agreed = await changes.want(resources, () => {
        if (wanted.has(who)) who.refused();
      });
      if (wanted.has(who)) wanted.set(who, new Set(agreed.resources));
      return { lists: lists.filter((list) => agreed.tellsOf(list)), resources: agreed.resources };
    },
    drop: (uris) => changes.unwanted(uris),
  };
}

/** What a server does not tell any more, those that listen to it are told; when it tells nothing any more, they come back. */
function events(watch: Watch, wanted: Wishes<Watcher>, lost: () => void): ChangesEvents {
  return {
    dropped(gone) {
      for (const who of wanted.of(gone)) who.refused();
    },
    gaveUp() {
      watch.close();
      lost();
    },
  };
}
