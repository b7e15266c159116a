/** Owns "did you mean": the nearest of some words to a mistyped one. Pure. */

/** Edits between two words, a swap of neighbours counting as one (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** The candidate nearest to `word`, or `undefined` when none is near enough to be meant: within `most` edits. */
export function nearest(word: string, candidates: Iterable<string>, most = 3): string | undefined {
  const wanted = word.toLowerCase().replaceAll(/[-_]/g, '');
  let best: string | undefined;
  let least = Math.min(most, Math.max(1, Math.floor((word.length + 1) / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > 4) continue;
    const away = distance(wanted, candidate.toLowerCase().replaceAll(/[-_]/g, ''));
    if (away < least) {
      least = away;
      best = candidate;
    }
  }
  return best;
}
