/**
 * Owns what a scan of JSON refuses: the bounds that it is given, those of either side's messages, and the fault that it throws. Pure.
 */

export interface ScanLimits {
  /** Nesting of arrays and objects. */
  readonly depth: number;
  /** Keys in the whole text. */
  readonly keys: number;
  /** Refuse keys that would reach a prototype (`__proto__`, `constructor.prototype`). */
  readonly prototypeKeys: 'refuse' | 'pass';
  /** Refuse raw control characters inside strings, as the grammar does. Let pass, they do no harm: line breaks are spaces before they matter. */
  readonly controls: 'refuse' | 'pass';
}

export const CLIENT_SCAN: ScanLimits = { depth: 64, keys: 10_000, prototypeKeys: 'refuse', controls: 'refuse' };
/** A result may be large and deep, and reaches its client as it would directly; no parser takes it deeper than a line can be. */
export const SERVER_SCAN: ScanLimits = { depth: 10_000, keys: 5_000_000, prototypeKeys: 'pass', controls: 'pass' };

/** Why a text was refused: not JSON at all, or JSON that we do not carry. */
export class JsonFault extends Error {
  readonly kind: 'malformed' | 'forbidden';
  constructor(kind: 'malformed' | 'forbidden', message: string) {
    super(message);
    this.name = 'JsonFault';
    this.kind = kind;
  }
}
