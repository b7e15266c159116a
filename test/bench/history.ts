/**
 * Owns the look back: each figure beside the newest kept one of the same measure and target on the same kind of machine.
 * What is compared are ratios to the baseline of the same run, which outlast a slow hour of the machine; where a run has no
 * baseline for a measure, the figures themselves.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printGrid, type Row } from './grid.ts';
import type { Field, Sample } from './measures.ts';
import { mediansOf, ratio, type Look } from './medians.ts';
import { BASELINE } from './peer-targets.ts';
import { RESULTS, type Machine, type Run } from './report.ts';

interface Kept {
  readonly name: string;
  readonly has: ReadonlySet<string>;
  readonly look: Look;
}

const KIND = ['processor', 'cores', 'memoryGiB'];
const FIELDS: readonly (readonly [Field, string])[] = [
  ['rate', 'per second'],
  ['p50', 'p50'],
  ['p99', 'p99'],
  ['cpuEach', 'bridge CPU each'],
  ['perSession', 'per session'],
  ['base', 'base'],
  ['writesPerSecond', 'written/s'],
];

const keyOf = ({ measure, target }: Pick<Sample, 'measure' | 'target'>): string => `${measure}|${target}`;

/** Newest first. */
function keptResults(root: string, facts: Machine): readonly Kept[] {
  const folder = join(root, RESULTS);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .toReversed()
    .flatMap((name) => {
      const kept = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
        readonly machine: Machine;
        readonly samples: readonly Sample[];
      };
      if (KIND.some((fact) => kept.machine[fact] !== facts[fact])) return [];
      const whole = kept.samples.filter(({ failed }) => failed === undefined);
      return [{ name: name.replace('.json', ''), has: new Set(whole.map(keyOf)), look: mediansOf(whole) }];
    });
}

/** Before the run itself is kept. */
export function printChanges(run: Run, facts: Machine, root: string): void {
  const kept = keptResults(root, facts);
  const now = mediansOf(run.samples);
  const pairs = new Map(run.samples.filter(({ target }) => target !== BASELINE).map((sample) => [keyOf(sample), sample]));
  const rows: Row[] = [];
  for (const [key, { measure, target }] of pairs) {
    const before = kept.find(({ has }) => has.has(key));
    if (before === undefined) continue;
    const row: Record<string, string> = { measure, target };
    for (const [field, title] of FIELDS) {
      const changed = change(now, before.look, { measure, target }, field);
      if (changed !== undefined) row[title] = changed;
    }
    rows.push({ ...row, 'kept in': before.name });
  }
  if (rows.length === 0) console.log('\nnothing kept to compare with on this kind of machine');
  else printGrid(`\nsince the last kept result (× of ${BASELINE} in the same run, else the figure itself; change)`, rows, ['target']);
}

function change(now: Look, before: Look, { measure, target }: Pick<Sample, 'measure' | 'target'>, field: Field): string | undefined {
  const relative = (look: Look): number | undefined => ratio(look(target, measure, field), look(BASELINE, measure, field));
  const [newer, older] = [relative(now), relative(before)];
  const isRatio = newer !== undefined && older !== undefined;
  const value = isRatio ? newer : now(target, measure, field);
  const moved = ratio(value, isRatio ? older : before(target, measure, field));
  if (value === undefined || moved === undefined) return undefined;
  const shown = isRatio ? `${value.toFixed(2)}×` : value.toPrecision(4);
  return `${shown} ${moved >= 1 ? '+' : '−'}${Math.abs((moved - 1) * 100).toFixed(0)} %`;
}
