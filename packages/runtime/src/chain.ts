/**
 * Owns a list of things in the order of their coming, each with a link by which it goes: for what comes and goes with
 * every message, where a Set would keep what has gone (docs/adr/0014).
 *
 * Invariants: adding and removing take constant time; nothing that was removed is referred to any more, nor refers to
 * what is left; a link is removed once.
 */

/** The place of a value in a chain. */
export class Link<T> {
  readonly value: T;
  /** Of the chain alone. */
  chain: Chain<T> | undefined;
  before: Link<T> | undefined;
  after: Link<T> | undefined;

  constructor(value: T, chain: Chain<T>, before: Link<T> | undefined) {
    this.value = value;
    this.chain = chain;
    this.before = before;
    this.after = undefined;
  }
}

export class Chain<T> implements Iterable<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What came first of all that is here. */
  get first(): Link<T> | undefined {
    return this.#first;
  }

  /** What came last of all that is here. */
  get last(): Link<T> | undefined {
    return this.#last;
  }

  add(value: T): Link<T> {
    const link = new Link(value, this, this.#last);
    if (this.#last) this.#last.after = link;
    else this.#first = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  /** Before all that is here. */
  addFirst(value: T): Link<T> {
    const link = new Link(value, this, undefined);
    link.after = this.#first;
    if (this.#first) this.#first.before = link;
    else this.#last = link;
    this.#first = link;
    this.#size += 1;
    return link;
  }

  /** Whether it was here. */
  remove(link: Link<T>): boolean {
    if (link.chain !== this) return false;
    const { before, after } = link;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    link.chain = undefined;
    link.before = undefined;
    link.after = undefined;
    this.#size -= 1;
    return true;
  }

  /** From the first on. Meanwhile the one in hand may be removed, and others added; whoever removes others copies before. */
  [Symbol.iterator](): Iterator<T, undefined> {
    return new Walk(this);
  }
}

/** Not a generator, since that cannot become part of the loop that runs it. */
class Walk<T> implements Iterator<T, undefined> {
  readonly #chain: Chain<T>;
  #link: Link<T> | undefined;
  /** What came after the one in hand when it was reached. */
  #after: Link<T> | undefined;

  constructor(chain: Chain<T>) {
    this.#chain = chain;
    this.#after = chain.first;
  }

  next(): IteratorResult<T, undefined> {
    const link = this.#link?.chain === this.#chain ? this.#link.after : this.#after;
    if (!link) return { done: true, value: undefined };
    this.#link = link;
    this.#after = link.after;
    return { done: false, value: link.value };
  }
}
