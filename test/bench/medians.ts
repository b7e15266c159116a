/** Owns the middle of the rounds: one figure of one measure of one target. */
import type { Field, Sample } from './measures.ts';

/** Undefined where it was not measured, or failed in every round. */
export type Look = (target: string, measure: string, field: Field) => number | undefined;

export function mediansOf(samples: readonly Sample[]): Look {
  return (target, measure, field) => {
    const values = samples
      .filter((sample) => sample.target === target && sample.measure === measure)
      .flatMap((sample) => sample[field] ?? [])
      .toSorted((a, b) => a - b);
    if (values.length === 0) return undefined;
    const middle = values.length >> 1;
    return values.length % 2 === 1 ? values[middle] : (values[middle - 1]! + values[middle]!) / 2;
  };
}

/** `a / b`, where both are known. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

/** `a - b`, where both are known. */
export function minus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}
