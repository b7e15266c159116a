/**
 * Owns the one subscription of a session, or of a pooled child, at a server of the stateless era: every list of whose
 * changes the server tells, and the resources that were subscribed to one by one.
 * Source: 2026-07-28 basic/patterns/subscriptions; 2025-11-25 server/resources (Subscriptions).
 *
 * Invariants: one subscription counts at a time: it is replaced by another that is acknowledged first, so that no change
 * falls between them, and what the replaced one still says is dropped; changes of the wish that come while one is being
 * opened become one more; one that the server ends is opened again `ATTEMPTS` times in a row, ever later; whoever
 * subscribes is told once whether the server has agreed.
 */
import type { Wheel } from '@causeway/runtime';

/** Resources of one session. */
export const MOST_RESOURCES = 1_024;
/** Milliseconds for the acknowledgement. */
const ACKNOWLEDGED = 10_000;
/** Openings in a row of a subscription that does not last, and milliseconds before the first, doubled each time, up to the last. */
const ATTEMPTS = 8;
const FIRST_PAUSE = 250;
const LAST_PAUSE = 30_000;
/** Milliseconds after which a subscription has lasted. */
const LASTED = 60_000;

export interface SubscriptionPorts {
  readonly wheel: Wheel;
  /** Sends the request; `notifications` is JSON text, `answered` hears that it is over. Its id, or undefined if the server does not read. */
  open(notifications: string, answered: () => void): number | undefined;
  /** The server may forget it. */
  cancel(id: number): void;
  /** It is not opened again. */
  gaveUp(): void;
  /** Changes may have been missed: the server has ended it, or has agreed to the first one after that. */
  lapsed?(): void;
  /** The server had agreed to these, and does not any more. */
  dropped?(uris: ReadonlySet<string>): void;
  /** Resources at most; absent: `MOST_RESOURCES`. */
  readonly most?: number;
}

interface Listening {
  readonly id: number;
  readonly uris: ReadonlySet<string>;
  /** Lists, as an acknowledgement names them; undefined: all that are wanted. */
  readonly lists?: ReadonlySet<string> | undefined;
  /** Stops its deadline, or its clock. */
  cancel: () => void;
}

export class Subscription {
  readonly #ports: SubscriptionPorts;
  readonly #uris = new Set<string>();
  /** Whoever waits for the server's word about a resource. */
  readonly #waiting = new Map<string, ((agreed: boolean) => void)[]>();
  /** Whoever waits for its word about the one that is being opened. */
  #settling: (() => void)[] = [];
  /** None counts since the server has ended, or refused, the last. */
  #lapsed = false;
  #refused = false;
  #lists: readonly string[] = [];
  #current: Listening | undefined;
  #opening: Listening | undefined;
  /** The wish has changed since the one that is being opened was sent. */
  #changed = false;
  #attempts = 0;
  #cancelRetry: () => void = () => undefined;
  #closed = false;

  constructor(ports: SubscriptionPorts) {
    this.#ports = ports;
  }

  /** The client is there: every change of these lists is wanted from now on. */
  begin(lists: readonly string[]): void {
    this.#lists = lists;
    if (lists.length > 0) this.#sync();
  }

  /** `told` hears whether the server has agreed. `false`: there are too many, and nothing is told. */
  add(uri: string, told: (agreed: boolean) => void): boolean {
    return this.addAll([uri], (_uri, agreed) => told(agreed));
  }

  /** The same, of several. */
  addAll(uris: readonly string[], told: (uri: string, agreed: boolean) => void): boolean {
    const added = new Set(uris).difference(this.#uris);
    if (added.size > 0 && this.#uris.size + added.size > (this.#ports.most ?? MOST_RESOURCES)) return false;
    for (const uri of added) this.#uris.add(uri);
    // What is being opened without a resource is about to count.
    const [now, next] = [this.#current?.uris, this.#opening?.uris];
    const had = now && next ? now.intersection(next) : now;
    const asked = uris.filter((uri) => !had?.has(uri));
    for (const uri of asked) this.#waiting.set(uri, [...(this.#waiting.get(uri) ?? []), (agreed) => told(uri, agreed)]);
    if (asked.length > 0) this.#attempts = 0;
    if (asked.length > 0) this.#sync();
    for (const uri of uris) if (had?.has(uri)) told(uri, true);
    return true;
  }

  /** Somebody new wants what is wanted already: what was given up is tried again. */
  revive(): void {
    if (this.#current || this.#opening || this.#attempts < ATTEMPTS) return;
    this.#attempts = 0;
    this.#sync();
  }

  /** `told` hears when the server has said yes or no to what is asked of it at the moment. */
  settled(told: () => void): void {
    if (this.#opening) this.#settling.push(told);
    else told();
  }

  /** Whether changes of a list, as an acknowledgement names it, will be told, as far as one knows: not where the server has refused. */
  tellsOf(list: string): boolean {
    if (this.#current) return this.#current.lists?.has(list) ?? true;
    return !this.#refused;
  }

  delete(uri: string): void {
    if (!this.#uris.delete(uri)) return;
    this.#tell(uri, false);
    this.#sync();
  }

  /** Whether what this subscription says is wanted. */
  counts(id: number): boolean {
    return id === this.#current?.id;
  }

  /** The server has agreed to what of it `agreed` and `lists` name. */
  acknowledged(id: number, agreed: readonly string[], lists?: ReadonlySet<string>): void {
    const opened = this.#opening;
    if (opened?.id !== id) return;
    this.#opening = undefined;
    opened.cancel();
    if (this.#current) this.#drop(this.#current);
    const cancel = this.#ports.wheel.after(LASTED, () => {
      this.#attempts = 0;
    });
    const uris = new Set(agreed);
    this.#current = { id, uris, lists, cancel };
    const dropped = new Set<string>();
    for (const uri of opened.uris) {
      if (!uris.has(uri)) this.#uris.delete(uri);
      if (!uris.has(uri) && !this.#waiting.has(uri)) dropped.add(uri);
      this.#tell(uri, uris.has(uri));
    }
    this.#refused = false;
    if (this.#lapsed) this.#ports.lapsed?.();
    this.#lapsed = false;
    if (dropped.size > 0) this.#ports.dropped?.(dropped);
    this.#settle();
    if (this.#changed) this.#sync();
  }

  /** The server has ended it, or refused it. `false`: it is none of these. */
  ended(id: number): boolean {
    if (this.#opening?.id === id) {
      this.#failed(this.#opening);
      return true;
    }
    if (this.#current?.id !== id) return false;
    this.#current.cancel();
    this.#current = undefined;
    this.#lapsed = true;
    this.#ports.lapsed?.();
    if (!this.#opening) this.#retry();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#opening?.cancel();
    this.#current?.cancel();
    this.#waiting.clear();
    this.#settling = [];
  }

  /** Brings what the server knows in line with what is wanted. */
  #sync(): void {
    if (this.#closed) return;
    this.#changed = this.#opening !== undefined;
    if (this.#changed) return;
    this.#cancelRetry();
    const wanted = this.#lists.length > 0 || this.#uris.size > 0;
    if (!wanted) {
      if (this.#current) this.#drop(this.#current);
      this.#current = undefined;
      return;
    }
    const lists = this.#lists.map((list): [string, unknown] => [`${list}ListChanged`, true]);
    const resources: [string, unknown][] = this.#uris.size === 0 ? [] : [['resourceSubscriptions', [...this.#uris]]];
    const id = this.#ports.open(JSON.stringify(Object.fromEntries([...lists, ...resources])), () => {
      if (id !== undefined) this.ended(id);
    });
    if (id === undefined) return this.#retry();
    const opening: Listening = { id, uris: new Set(this.#uris), cancel: () => undefined };
    this.#opening = opening;
    opening.cancel = this.#ports.wheel.after(ACKNOWLEDGED, () => {
      this.#ports.cancel(id);
      this.#failed(opening);
    });
  }

  /** What was new in it is not had; the one before it, if there is one, goes on. */
  #failed(opening: Listening): void {
    opening.cancel();
    this.#opening = undefined;
    const had = this.#current?.uris ?? new Set();
    for (const uri of opening.uris) {
      if (!this.#waiting.has(uri)) continue;
      if (!had.has(uri)) this.#uris.delete(uri);
      this.#tell(uri, had.has(uri));
    }
    this.#refused = this.#current === undefined;
    this.#lapsed ||= this.#refused;
    this.#settle();
    this.#retry();
  }

  #settle(): void {
    for (const told of this.#settling.splice(0)) told();
  }

  #retry(): void {
    this.#cancelRetry();
    if (this.#closed) return;
    if (this.#attempts >= ATTEMPTS) {
      for (const uri of [...this.#waiting.keys()]) {
        this.#uris.delete(uri);
        this.#tell(uri, false);
      }
      return this.#ports.gaveUp();
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#attempts, LAST_PAUSE);
    this.#attempts += 1;
    this.#cancelRetry = this.#ports.wheel.after(pause, () => this.#sync());
  }

  #drop(listening: Listening): void {
    listening.cancel();
    this.#ports.cancel(listening.id);
  }

  #tell(uri: string, agreed: boolean): void {
    const waiting = this.#waiting.get(uri) ?? [];
    this.#waiting.delete(uri);
    for (const told of waiting) told(agreed);
  }
}
