/**
 * Owns chance in tests: numbers that follow from a seed, so that a run can be repeated. Pure, apart from reading
 * the seed. Whoever uses it prints the seed.
 */

/** Uniform whole numbers in [0, below). */
export type Random = (below: number) => number;

/** From a seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** What the environment variable says, or a new one. */
export function seedFrom(variable: string): number {
  return Number(process.env[variable] ?? Date.now() % 1_000_000);
}

/** One of them. */
export function pick<T>(random: Random, among: readonly T[]): T {
  return among[random(among.length)]!;
}
