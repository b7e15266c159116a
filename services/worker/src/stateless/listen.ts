/**
 * Owns the subscriptions of clients without a session: what each may hear, the child that listens for them, and how a
 * change reaches all of them, whichever worker's child noticed it.
 * Source: 2026-07-28 basic/patterns/subscriptions; WIRE §3.3, §3.4.
 *
 * Invariants: the acknowledgement comes first; everything bears the client's own id of its request, type included;
 * nothing is told that was not asked for; a change that several children notice at once is told once; when the child
 * that listens is lost, its subscriptions end without a result, so that their clients come back.
 */
import { CausewayError, isObject, SUBSCRIPTION_ID_KEY, valueAt } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import { LISTS, listChanges, tellsOfResources, type List } from '../pool/greet.ts';
import type { Pool } from '../pool/pool.ts';
import { openWatch, type Watch } from '../pool/watch.ts';
import type { Response } from './response.ts';
import type { StatelessRequest } from './request.ts';

/** Subscriptions at one worker. */
const MOST = 1_024;
/** Milliseconds in which the same change is told once. */
const SETTLE = 100;
/** Resources that one subscription may name. */
const MOST_RESOURCES = 1_024;

interface Subscription {
  readonly server: string;
  readonly response: Response;
  readonly lists: ReadonlySet<List>;
  readonly resources: ReadonlySet<string>;
  readonly watch: Watch;
}

export class Listens {
  readonly #wheel: Wheel;
  readonly #open = new Set<Subscription>();
  readonly #watches = new Map<Pool, Promise<Watch>>();
  /** Changes that were told a moment ago; `true`: once more since. */
  readonly #settling = new Map<string, boolean>();

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  /** Opens a subscription. Rejects with CausewayError. */
  async open(request: StatelessRequest, pool: Pool): Promise<void> {
    const { response, server } = request;
    const filter = filterOf(request);
    if (this.#open.size >= MOST) throw new CausewayError('limit.listens', { retryAfter: 5 });
    const watch = await this.#watch(pool);
    if (response.answered) return;
    const { greeting } = watch.process;
    const announced = listChanges(greeting);
    const lists = LISTS.filter((list) => filter[`${list}ListChanged`] === true && announced[`${list}ListChanged`] === true);
    const resources = tellsOfResources(greeting) ? filter.resourceSubscriptions : [];
    const honoured = {
      ...Object.fromEntries(lists.map((list) => [`${list}ListChanged`, true])),
      ...(resources.length === 0 ? {} : { resourceSubscriptions: resources }),
    };
    tell(response, 'notifications/subscriptions/acknowledged', { notifications: honoured });
    if (lists.length === 0 && resources.length === 0) return finish(response);
    const one: Subscription = { server: server.name, response, lists: new Set(lists), resources: new Set(resources), watch };
    this.#open.add(one);
    watch.add(one, resources);
    const lag = (yes: boolean): void => (yes ? watch.process.pause(response) : watch.process.resume(response));
    response.follow({ left: () => this.#end(one), lags: lag });
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
  updated(pool: Pool, params: Readonly<Record<string, unknown>>): void {
    const { uri } = params;
    for (const { resources, response, watch } of this.#open) {
      if (watch.pool === pool && typeof uri === 'string' && resources.has(uri)) tell(response, 'notifications/resources/updated', params);
    }
  }

  /** Ends all of them properly. */
  close(): void {
    for (const one of [...this.#open]) {
      finish(one.response);
      this.#end(one);
    }
  }

  #watch(pool: Pool): Promise<Watch> {
    const known = this.#watches.get(pool);
    if (known) return known;
    const watch = openWatch(pool, () => this.#lost(pool));
    this.#watches.set(pool, watch);
    watch.catch(() => this.#watches.delete(pool));
    return watch;
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
    const last = ![...this.#open].some(({ watch }) => watch === one.watch);
    if (!last) return;
    this.#watches.delete(one.watch.pool);
    one.watch.close();
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
const tagged = (response: Response): string => `"_meta":{${JSON.stringify(SUBSCRIPTION_ID_KEY)}:${response.id.toString()}}`;

function tell(response: Response, method: string, params: Readonly<Record<string, unknown>>): void {
  const { _meta, ...rest } = params;
  const members = JSON.stringify(rest).slice(1, -1);
  const text = members === '' ? tagged(response) : `${members},${tagged(response)}`;
  response.notify(Buffer.from(`{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":{${text}}}`));
}

function finish(response: Response): void {
  response.result(`{"resultType":"complete",${tagged(response)}}`);
}
