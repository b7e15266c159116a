/**
 * Owns the byte scanner: one strict pass over raw JSON that finds where values lie without building
 * them. It accepts exactly the JSON grammar (RFC 8259) within bounds on depth and keys. Pure.
 *
 * Invariants: linear in the input; never throws anything but JsonFault; positions are byte offsets.
 */
import { ANY, endOfAtom, endOfEscape, firstOf, PLAIN } from './json-atoms.ts';
import { withKey, type Keys } from './json-keys.ts';
import { JsonFault, type ScanLimits } from './json-limits.ts';
import { textIn, wordAt } from './json-words.ts';
import type { Span } from './splice.ts';

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

const PROTO = Buffer.from('"__proto__"');
const CONSTRUCTOR = Buffer.from('"constructor"');
const PROTOTYPE = Buffer.from('"prototype"');
/** Bytes of a string that are looked at one by one before the machine's search is worth its call. */
const NEAR = 64;
const orEnd = (found: number, bytes: Buffer): number => (found < 0 ? bytes.length : found);

/** Called at each member of an object with the scanner at its value; must consume exactly that value. */
export type MemberVisitor = (key: string, scanner: JsonScanner, depth: number) => void;

export class JsonScanner {
  /** A line break was passed between tokens. */
  lines = false;
  readonly #bytes: Buffer;
  readonly #limits: ScanLimits;
  #at: number;
  #keys = 0;
  #escaped = false;
  /** Where the key last read ended. */
  #keyEnd = 0;
  /** The brackets that close what `value` is in. */
  readonly #closing: number[] = [];
  /** Depth of the object that is the value of a key `constructor`; -1 when there is none. */
  #constructorDepth = -1;
  /** The first quote and the first backslash from where they were last looked for. */
  #quote = -1;
  #backslash = -1;

  constructor(bytes: Buffer, limits: ScanLimits, start = 0) {
    this.#bytes = bytes;
    this.#limits = limits;
    this.#at = start;
  }

  /** The first byte of the next value; 0 at the end of the text. */
  peek(): number {
    this.#space();
    return this.#bytes[this.#at] ?? 0;
  }

  /** Asserts that nothing but white space is left. */
  end(): void {
    this.#space();
    if (this.#at < this.#bytes.length) throw this.#malformed();
  }

  /** Consumes any value and says where it lay. What it nests costs a number a level, not a call of ours. */
  value(depth: number): Span {
    this.peek();
    const start = this.#at;
    do this.#scalarOrOpen(depth);
    while (this.#goOn(depth));
    return { start, end: this.#at };
  }

  /** Consumes a scalar, or the beginning of an array or object up to its first value. */
  #scalarOrOpen(depth: number): void {
    const open = this.#closing;
    for (;;) {
      const first = this.peek();
      if (first === QUOTE) return this.#string();
      if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return this.#atom();
      this.#open(first, depth + open.length);
      const close = first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
      if (this.peek() === close) return void this.#at++;
      open.push(close);
      if (close === CLOSE_OBJECT) this.#key(depth + open.length - 1);
    }
  }

  /** After a value: closes what ends here. Whether another value follows. */
  #goOn(depth: number): boolean {
    const open = this.#closing;
    for (let close = open.at(-1); close !== undefined; close = open.at(-1)) {
      const next = this.peek();
      this.#at++;
      if (next === COMMA) {
        if (close === CLOSE_OBJECT) this.#key(depth + open.length - 1);
        return true;
      }
      if (next !== close) throw this.#malformed();
      open.pop();
    }
    return false;
  }

  /** Consumes a key and its colon; says where the key begins. */
  #key(depth: number): number {
    this.peek();
    const start = this.#at;
    this.#string();
    this.#keyEnd = this.#at;
    this.#countKey(start, depth);
    if (this.peek() !== COLON) throw this.#malformed();
    this.#at++;
    return start;
  }

  /** Consumes a string and decodes it. */
  string(): string {
    this.peek();
    const start = this.#at;
    this.#string();
    return this.#decode(start, this.#at);
  }

  /** Consumes an object and says where it lay: its keys differ from each other, and the visitor consumes each value. */
  object(depth: number, visit: MemberVisitor): Span {
    const start = this.#open(OPEN_OBJECT, depth);
    let keys: Keys = [];
    if (this.peek() === CLOSE_OBJECT) return { start, end: ++this.#at };
    do {
      const key = this.#decode(this.#key(depth), this.#keyEnd);
      keys = withKey(keys, key);
      visit(key, this, depth + 1);
    } while (!this.#endsWith(CLOSE_OBJECT));
    return { start, end: this.#at };
  }

  /** Consumes an array of at most so many elements and says where they lay. */
  array(depth: number, most: number): Span[] {
    this.#open(OPEN_ARRAY, depth);
    const elements: Span[] = [];
    if (this.peek() === CLOSE_ARRAY) this.#at++;
    else
      do if (elements.push(this.value(depth + 1)) > most) throw new JsonFault('forbidden', `more than ${most} elements in one array`);
      while (!this.#endsWith(CLOSE_ARRAY));
    return elements;
  }

  /** After a member or an element: whether it was the last. */
  #endsWith(close: number): boolean {
    const next = this.peek();
    this.#at++;
    if (next !== COMMA && next !== close) throw this.#malformed();
    return next === close;
  }

  #malformed(): JsonFault {
    return new JsonFault('malformed', `not JSON at byte ${this.#at}`);
  }

  #space(): void {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#at];
      if (byte === 0x0a || byte === 0x0d) this.lines = true;
      else if (byte !== 0x20 && byte !== 0x09) return;
      this.#at++;
    }
  }

  #open(bracket: number, depth: number): number {
    if (depth >= this.#limits.depth) throw new JsonFault('forbidden', `nested deeper than ${this.#limits.depth}`);
    if (this.peek() !== bracket) throw this.#malformed();
    return this.#at++;
  }

  #countKey(start: number, depth: number): void {
    if (++this.#keys > this.#limits.keys) throw new JsonFault('forbidden', `more than ${this.#limits.keys} keys`);
    if (this.#limits.prototypeKeys === 'pass') return;
    if (this.#isKey(start, PROTO)) throw new JsonFault('forbidden', 'the key __proto__ is not carried');
    if (depth === this.#constructorDepth && this.#isKey(start, PROTOTYPE)) {
      throw new JsonFault('forbidden', 'the key constructor.prototype is not carried');
    }
    if (this.#isKey(start, CONSTRUCTOR)) this.#constructorDepth = depth + 1;
    else if (depth < this.#constructorDepth) this.#constructorDepth = -1;
  }

  /** Whether the string just read, which began at `start`, is `quoted`, escapes undone. */
  #isKey(start: number, quoted: Buffer): boolean {
    return this.#escaped ? JSON.stringify(this.#decode(start, this.#at)) === quoted.toString() : this.#matches(start, quoted);
  }

  #matches(start: number, expected: Buffer): boolean {
    return this.#at - start === expected.length && this.#bytes.compare(expected, 0, expected.length, start, this.#at) === 0;
  }

  #decode(start: number, end: number): string {
    const text = this.#escaped ? textIn(this.#bytes.toString('utf8', start, end)) : wordAt(this.#bytes, start + 1, end - 1);
    if (text === undefined) throw this.#malformed();
    return text;
  }

  #string(): void {
    const bytes = this.#bytes;
    const end = bytes.length;
    const plain = this.#limits.controls === 'refuse' ? PLAIN : ANY;
    let at = this.#at;
    if (bytes[at] !== QUOTE) throw this.#malformed();
    at++;
    this.#escaped = false;
    for (;;) {
      const near = Math.min(end, at + NEAR);
      while (at < near && plain[bytes[at]!] === 1) at++;
      if (at === near && at < end) at = this.#leap(at);
      const byte = at < end ? bytes[at] : undefined;
      if (byte === QUOTE) break;
      if (byte !== BACKSLASH) {
        this.#at = at;
        throw this.#malformed();
      }
      this.#escaped = true;
      const after = endOfEscape(bytes, at + 1);
      if (after < 0) {
        this.#at = at;
        throw this.#malformed();
      }
      at = after;
    }
    this.#at = at + 1;
  }

  /** The next quote or backslash, by the machine's own search where control characters pass. It looks at nothing behind the next quote. */
  #leap(from: number): number {
    const bytes = this.#bytes;
    if (this.#limits.controls === 'refuse') {
      let at = from;
      while (at < bytes.length && PLAIN[bytes[at]!] === 1) at++;
      return at;
    }
    if (this.#quote < from) this.#quote = orEnd(bytes.indexOf(QUOTE, from), bytes);
    if (this.#backslash < from) this.#backslash = firstOf(BACKSLASH, bytes, from, this.#quote);
    return Math.min(this.#backslash, this.#quote);
  }

  #atom(): void {
    const end = endOfAtom(this.#bytes, this.#at);
    if (end < 0) throw this.#malformed();
    this.#at = end;
  }
}
