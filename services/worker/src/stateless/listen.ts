/**
 * Owns the subscriptions of clients without a session: what each may hear, the child that listens for them, and how a
 * change reaches all of them, whichever worker's child noticed it.
 * Source: 2026-07-28 basic/patterns/subscriptions; WIRE §3.3, §3.4.
 *
 * Invariants: the acknowledgement comes first; everything bears the client's own id of its request, type included;
 * nothing is told that was not asked for; a change that several children notice at once is told once; a child listens as
 * long as there is somebody for whom; when it is lost, its subscriptions end without a result, so that their clients come
 * back.
 */
import {
  CausewayError,
  isObject,
  LISTS,
  membersIn,
  membersOf,
  notificationOf,
  splice,
  SUBSCRIPTION_ID_KEY,
  textOf,
  valueAt,
  type Frame,
  type List,
  type Members,
} from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import { change } from '../era/adapter/change.ts';
import { listChanges, tellsOfResources } from '../pool/greet.ts';
import type { Pool } from '../pool/pool.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';
import { openWatch, type Watch, type Watcher } from '../pool/watch.ts';
import type { Response } from './response.ts';
import type { StatelessRequest } from './request.ts';

/** Subscriptions at one worker. */
const MOST = 1_024;
/** Milliseconds in which the same change is told once. */
const SETTLE = 100;
/** Resources that one subscription may name. */
const MOST_RESOURCES = 1_024;

interface Subscription extends Watcher {
  readonly server: string;
  readonly response: Response;
  lists: ReadonlySet<List>;
  resources: ReadonlySet<string>;
  readonly watch: Watch;
}

/** A child that listens, or will, and those for whom it is kept. */
interface Kept {
  readonly watch: Promise<Watch>;
  readonly users: Set<Response>;
}

export class Listens {
  readonly #wheel: Wheel;
  readonly #open = new Set<Subscription>();
  readonly #watches = new Map<Pool, Kept>();
  /** Changes that were told a moment ago; `true`: once more since. */
  readonly #settling = new Map<string, boolean>();

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  /** Opens a subscription. Rejects with CausewayError. */
  async open(request: StatelessRequest, pool: Pool): Promise<void> {
    const { response } = request;
    const filter = filterOf(request);
    if (this.#open.size >= MOST) throw new CausewayError('limit.listens', { retryAfter: 5 });
    if (!LISTS.some((list) => filter[`${list}ListChanged`]) && filter.resourceSubscriptions.length === 0)
      return void acknowledge(response, [], []);
    const kept = this.#keep(pool, response);
    let begun = false;
    try {
      begun = await this.#begin(request, filter, await kept.watch);
      // Lost meanwhile, and not yet known as one that it had.
      if (!begun && this.#watches.get(pool) !== kept) response.break();
    } finally {
      if (!begun) this.#letGo(pool, response);
    }
  }

  /** `false`: its client has left, its child is lost, or nothing of it is honoured. */
  async #begin({ response, server }: StatelessRequest, filter: Filter, watch: Watch): Promise<boolean> {
    if (response.answered) return false;
    const { greeting } = watch.process;
    const announced = listChanges(greeting);
    const wanted = LISTS.filter((list) => filter[`${list}ListChanged`] === true && announced[`${list}ListChanged`] === true);
    const named = tellsOfResources(greeting) ? filter.resourceSubscriptions : [];
    const one: Subscription = {
      ...{ server: server.name, response, reader: response.reader, watch, lists: new Set(), resources: new Set() },
      refused: () => {
        if (this.#open.has(one)) finish(response);
        this.#end(one);
      },
    };
    const agreed = await watch.add(one, { lists: wanted.map((list) => `${list}ListChanged`), resources: named });
    const lists = wanted.filter((list) => agreed.lists.includes(`${list}ListChanged`));
    const lost = this.#watches.get(watch.pool)?.users.has(response) !== true;
    if (lost || response.answered || !acknowledge(response, lists, agreed.resources)) {
      watch.delete(one);
      return false;
    }
    one.lists = new Set(lists);
    one.resources = new Set(agreed.resources);
    this.#open.add(one);
    response.follow({ left: () => this.#end(one), lagChanged: () => watch.process.balance() });
    return true;
  }

  /** Whether a child listens for somebody. */
  has(process: PooledProcess): boolean {
    for (const { watch } of this.#open) if (watch.process === process) return true;
    return false;
  }

  /** A list of the server has changed. */
  changed(server: string, list: List): void {
    const key = `${list} ${server}`;
    if (this.#settling.has(key)) return void this.#settling.set(key, true);
    this.#settling.set(key, false);
    for (const { server: name, lists, response } of this.#open) {
      if (name === server && lists.has(list)) tell(response, `notifications/${list}/list_changed`, {});
    }
    this.#wheel.after(SETTLE, () => {
      const again = this.#settling.get(key);
      this.#settling.delete(key);
      if (again) this.changed(server, list);
    });
  }

  /** A child that listens says that a resource has changed. */
  updated(pool: Pool, { bytes, params: span }: Frame): void {
    const params = membersIn(bytes, span);
    const uri = textOf(bytes, params, 'uri');
    if (!params || uri === undefined) return;
    for (const { resources, response, watch } of this.#open)
      if (watch.pool === pool && resources.has(uri)) response.notify(retagged(bytes, params, response));
  }

  /** Ends all of them properly, or those of one server. */
  close(server?: string): void {
    for (const one of [...this.#open]) {
      if (server !== undefined && one.server !== server) continue;
      finish(one.response);
      this.#end(one);
    }
  }

  /** The child that listens for the pool is kept for `user`, until that lets it go. */
  #keep(pool: Pool, user: Response): Kept {
    let kept = this.#watches.get(pool);
    if (!kept) this.#watches.set(pool, (kept = { watch: openWatch(pool, () => this.#lost(pool)), users: new Set() }));
    kept.users.add(user);
    return kept;
  }

  #letGo(pool: Pool, user: Response): void {
    const kept = this.#watches.get(pool);
    if (!kept?.users.delete(user) || kept.users.size > 0) return;
    this.#watches.delete(pool);
    kept.watch.then(
      (watch) => watch.close(),
      () => undefined,
    );
  }

  #lost(pool: Pool): void {
    this.#watches.delete(pool);
    for (const one of [...this.#open]) {
      if (one.watch.pool !== pool) continue;
      this.#open.delete(one);
      one.response.break();
    }
  }

  #end(one: Subscription): void {
    if (!this.#open.delete(one)) return;
    one.watch.delete(one);
    this.#letGo(one.watch.pool, one.response);
  }
}

interface Filter {
  readonly [list: `${string}ListChanged`]: unknown;
  readonly resourceSubscriptions: readonly string[];
}

/** Throws `request.filter`. */
function filterOf({ body, params }: StatelessRequest): Filter {
  const span = params.of.get('notifications');
  const filter = span && valueAt(body, span);
  if (!isObject(filter)) throw new CausewayError('request.filter');
  const resources = filter['resourceSubscriptions'] ?? [];
  if (!Array.isArray(resources) || resources.length > MOST_RESOURCES || !resources.every((uri) => typeof uri === 'string'))
    throw new CausewayError('request.filter', { message: 'Invalid params: notifications.resourceSubscriptions must be a list of URIs.' });
  const flags = LISTS.map((list) => filter[`${list}ListChanged`]);
  if (!flags.every((flag) => flag === undefined || typeof flag === 'boolean'))
    throw new CausewayError('request.filter', {
      message: 'Invalid params: the members of notifications that end in ListChanged are true or false.',
    });
  return { ...filter, resourceSubscriptions: resources };
}

/** The client's id goes in as it wrote it. */
const tag = (response: Response): string => `${JSON.stringify(SUBSCRIPTION_ID_KEY)}:${response.id.toString()}`;
const tagged = (response: Response): string => `"_meta":{${tag(response)}}`;

const META: ReadonlySet<string> = new Set(['_meta']);
const SUBSCRIPTION: ReadonlySet<string> = new Set([SUBSCRIPTION_ID_KEY]);

/** What a server says, with the client's id in the place of the server's own, and else as it wrote it. */
function retagged(bytes: Buffer, params: Members, response: Response): Buffer {
  const meta = membersOf(bytes, params, '_meta');
  if (meta) return splice(bytes, change(bytes, meta, { without: SUBSCRIPTION, add: tag(response) }));
  return splice(bytes, change(bytes, params, { without: META, add: tagged(response) }));
}

function tell(response: Response, method: string, params: Readonly<Record<string, unknown>>): void {
  const members = JSON.stringify(params).slice(1, -1);
  const text = members === '' ? tagged(response) : `${members},${tagged(response)}`;
  response.notify(notificationOf(method, `{${text}}`));
}

/** Says what will be told. `false`: that is nothing, and it ends at once. */
function acknowledge(response: Response, lists: readonly List[], resources: readonly string[]): boolean {
  const honoured = {
    ...Object.fromEntries(lists.map((list) => [`${list}ListChanged`, true])),
    ...(resources.length === 0 ? {} : { resourceSubscriptions: resources }),
  };
  tell(response, 'notifications/subscriptions/acknowledged', { notifications: honoured });
  const some = lists.length > 0 || resources.length > 0;
  if (!some) finish(response);
  return some;
}

function finish(response: Response): void {
  response.result(`{"resultType":"complete",${tagged(response)}}`);
}
