/** Owns what the files of the bus contract share. */
import assert from 'node:assert/strict';
import { BusError, type Bus, type BusFailure } from '../bus.ts';
import type { Party, World } from './world.ts';

/** Two members of one world, and the first token of the test's subjects. */
export interface Pair {
  readonly world: World<Bus>;
  readonly a: Party<Bus>;
  readonly b: Party<Bus>;
  readonly p: string;
}

export type Register = (name: string, test: (pair: Pair) => Promise<void>) => void;

/** Accepts a BusError of that kind. */
export function failure(expected: BusFailure): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BusError, `a BusError, not ${String(error)}`);
    assert.equal(error.failure, expected);
    return true;
  };
}

/** Bytes that differ at every position and with `seed`. */
export function pattern(size: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0; index < size; index += 1) bytes[index] = (index * 31 + (index >> 8) * 7 + seed) & 0xff;
  return bytes;
}
