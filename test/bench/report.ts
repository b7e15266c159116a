/**
 * Owns what becomes of a run: a table of each measure for people, with the machine, the commit and the Node that it is of
 * and ratios to one baseline, and a JSON file that keeps every sample.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { printGrid, text, type Row } from './grid.ts';
import { DIRECT, type Field, type Sample } from './measures.ts';
import { mediansOf, minus, type Look } from './medians.ts';
import { BASELINE } from './peer-targets.ts';
import type { TargetKind } from './targets.ts';

export interface Run {
  readonly started: Date;
  readonly rounds: number;
  readonly runMs: number;
  readonly quick: boolean;
  /** What the echo child and the closed loop of calls are written in. */
  readonly child: string;
  readonly load: string;
  readonly samples: readonly Sample[];
}

export type Machine = Readonly<Record<string, string | number>>;

export const RESULTS = 'test/bench/results';

export function machine(root: string): Machine {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const dirty = git('status', '--porcelain', '--', 'packages', 'services', 'test/bench') === '' ? '' : ' with changes';
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: git('rev-parse', '--short', 'HEAD') + dirty,
    loadAverage: loadavg()
      .map((value) => value.toFixed(1))
      .join(' '),
  };
}

export function print(run: Run, facts: Machine, targets: readonly TargetKind[]): void {
  console.log(
    `\n${Object.entries(facts)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · ')}`,
  );
  console.log(
    `${run.rounds} round(s), windows of ${run.runMs} ms, echo child in ${run.child}, loop of calls in ${run.load}; medians; (ratio to ${BASELINE})\n`,
  );
  const look = mediansOf(run.samples);
  for (const name of new Set(run.samples.map(({ measure }) => measure))) {
    const measured = run.samples.filter(({ measure, failed }) => measure === name && failed === undefined);
    printGrid(
      name,
      [...new Set(measured.map(({ target }) => target))].map((target) => rowOf(look, target, name)),
    );
  }
  for (const { name, note } of targets) if (note !== undefined) console.log(`${name}: ${note}`);
  const failures = run.samples.filter(({ failed }) => failed !== undefined);
  for (const { target, measure, round, failed } of failures) console.log(`FAILED ${target}, ${measure}, round ${round + 1}: ${failed}`);
}

interface Column {
  readonly title: string;
  readonly field: Field;
  readonly digits: number;
  /** What one of the unit printed is, in the figure's own. */
  readonly unit?: number;
  readonly compared?: boolean;
}

const MIB = 2 ** 20;
const COLUMNS: readonly Column[] = [
  { title: 'per second', field: 'rate', digits: 0, compared: true },
  { title: 'p50 ms', field: 'p50', digits: 3, compared: true },
  { title: 'p99 ms', field: 'p99', digits: 3, compared: true },
  { title: 'p99 ms alone', field: 'aloneP99', digits: 3, compared: true },
  { title: 'bridge CPU ms each', field: 'cpuEach', digits: 4, compared: true },
  { title: 'load core', field: 'clientShare', digits: 2 },
  { title: 'base MiB', field: 'base', digits: 2, unit: MIB, compared: true },
  { title: 'MiB per session', field: 'perSession', digits: 3, unit: MIB, compared: true },
  { title: 'children left', field: 'childrenLeft', digits: 0 },
  { title: 'files left', field: 'fdsLeft', digits: 0 },
  { title: 'heap MiB before', field: 'heapBefore', digits: 2, unit: MIB },
  { title: 'after', field: 'heapAfter', digits: 2, unit: MIB },
  { title: 'memory MiB before', field: 'heldBefore', digits: 1, unit: MIB },
  { title: 'afterwards', field: 'heldAfter', digits: 1, unit: MIB },
  { title: 'records written/s', field: 'writesPerSecond', digits: 2 },
];

function rowOf(look: Look, target: string, measure: string): Row {
  const times = (value: number | undefined, base: number | undefined): string =>
    value === undefined || base === undefined || base === 0 ? '' : ` (${(value / base).toFixed(2)}×)`;
  const row: Record<string, string> = { target };
  for (const { title, field, digits, unit = 1, compared } of COLUMNS) {
    const value = look(target, measure, field);
    if (value === undefined) continue;
    row[title] = text(value / unit, digits) + (compared ? times(value, look(BASELINE, measure, field)) : '');
  }
  if (target === DIRECT || look(DIRECT, measure, 'p50') === undefined) return row;
  for (const field of ['p50', 'p99'] as const) {
    const added = (name: string): number | undefined => minus(look(name, measure, field), look(DIRECT, measure, field));
    row[`added ${field} ms`] = text(added(target), 3) + times(added(target), added(BASELINE));
  }
  return row;
}

/** Writes every sample and what it is of; returns the path, relative to the repository. */
export function keep(run: Run, facts: Machine, root: string): string {
  const folder = join(root, RESULTS);
  mkdirSync(folder, { recursive: true });
  const versions = JSON.parse(readFileSync(join(root, 'test/bench/peers/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const stamp = run.started.toISOString().slice(0, 19).replaceAll(':', '');
  const path = join(folder, `${stamp}-${String(facts['commit']).split(' ')[0]}${run.quick ? '-quick' : ''}.json`);
  writeFileSync(path, `${JSON.stringify({ machine: facts, peers: versions.dependencies, ...run }, undefined, 1)}\n`);
  return relative(root, path);
}
