/**
 * Owns how a pooled child of the stateless era tells of changes: by one subscription of the bridge's own, for the lists
 * and for every resource that somebody wants.
 *
 * Invariants: whoever wants something is told what the server agrees to, within `WORD`; what it has not said by then
 * counts as agreed until it says no; what a subscription says that was replaced is not heard.
 */
import { CausewayError, isObject, membersIn, membersOf, echoedAt, SUBSCRIPTION_ID_KEY, valueAt, type Frame } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import { Subscription } from '../era/subscription.ts';

/** Milliseconds for the server's word before whoever waits for it goes on without. */
const WORD = 1_000;
/** Resources that are wanted of one child. */
const MOST = 16_384;

export interface ChangesPorts {
  readonly wheel: Wheel;
  /** Begins a subscription; `notifications` is JSON text. Its id, or undefined if the child does not read. */
  open(notifications: string, over: () => void): number | undefined;
  /** The server may forget it. */
  cancel(id: number): void;
  /** The server has taken it back. */
  forget(id: number): void;
  /** Changes may have been missed. */
  lapsed(): void;
}

/** What becomes of what was agreed to. */
export interface ChangesEvents {
  /** Not of these any more. */
  dropped(uris: ReadonlySet<string>): void;
  /** Of nothing any more. */
  gaveUp(): void;
}

/** What the server agrees to. */
export interface Agreed {
  /** Whether of a list, as an acknowledgement names it. */
  readonly tellsOf: (list: string) => boolean;
  readonly resources: readonly string[];
}

export class Changes {
  /** Whoever listens here for others. */
  events: ChangesEvents | undefined;
  readonly #ports: ChangesPorts;
  readonly #subscription: Subscription;

  constructor(ports: ChangesPorts) {
    this.#ports = ports;
    this.#subscription = new Subscription({
      wheel: ports.wheel,
      open: (notifications, over) => ports.open(notifications, over),
      cancel: (id) => ports.cancel(id),
      gaveUp: () => this.events?.gaveUp(),
      lapsed: () => ports.lapsed(),
      dropped: (uris) => this.events?.dropped(uris),
      most: MOST,
    });
  }

  /** Changes of these lists are wanted as long as the child lives. */
  begin(lists: readonly string[]): void {
    this.#subscription.begin(lists);
  }

  /** `refused` hears of each resource that the server refuses after this has resolved. Rejects with `limit.listens`. */
  async want(uris: readonly string[], refused: (uri: string) => void): Promise<Agreed> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const agreed = new Set(uris);
    const open = new Set(uris);
    let waits = true;
    let settled = false;
    const look = (): void => {
      if (settled && open.size === 0) resolve();
    };
    this.#subscription.revive();
    const room = this.#subscription.addAll(uris, (uri, yes) => {
      open.delete(uri);
      if (!yes) agreed.delete(uri);
      if (!yes && !waits) refused(uri);
      look();
    });
    if (!room) throw new CausewayError('limit.listens', { retryAfter: 5 });
    this.#subscription.settled(() => {
      settled = true;
      look();
    });
    const cancel = this.#ports.wheel.after(WORD, resolve);
    await promise;
    waits = false;
    cancel();
    return { tellsOf: (list) => this.#subscription.tellsOf(list), resources: uris.filter((uri) => agreed.has(uri)) };
  }

  unwanted(uris: Iterable<string>): void {
    for (const uri of uris) this.#subscription.delete(uri);
  }

  /** Something that names no request. Whether it is said to us alone, or to nobody: `false` where others are to hear it. */
  takes({ bytes, method = '', params, requestId }: Frame): boolean {
    switch (method) {
      case 'notifications/message':
        return false;
      case 'notifications/cancelled': {
        const id = echoedAt(bytes, requestId);
        const ours = this.#subscription.ended(id);
        if (ours) this.#ports.forget(id);
        return ours;
      }
      default: {
        const members = membersIn(bytes, params);
        const tag = membersOf(bytes, members, '_meta')?.of.get(SUBSCRIPTION_ID_KEY);
        if (!tag) return false;
        const id = echoedAt(bytes, tag);
        if (method !== 'notifications/subscriptions/acknowledged') return !this.#subscription.counts(id);
        const filter = members?.of.get('notifications');
        const { uris, lists } = filterIn(filter && valueAt(bytes, filter));
        this.#subscription.acknowledged(id, uris, lists);
        return true;
      }
    }
  }

  close(): void {
    this.#subscription.close();
  }
}

/** What a server has agreed to. */
function filterIn(filter: unknown): { readonly uris: readonly string[]; readonly lists: ReadonlySet<string> } {
  const granted = isObject(filter) ? filter : {};
  const uris = granted['resourceSubscriptions'];
  return {
    uris: Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [],
    lists: new Set(Object.keys(granted).filter((name) => granted[name] === true)),
  };
}
