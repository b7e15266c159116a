/**
 * Owns what becomes of the samples: medians over the rounds, ratios to one baseline, a table for people with
 * the machine, the commit and the Node that it is of, and a JSON file that keeps every sample.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { DIRECT, type Sample } from './measures.ts';
import { BASELINE, type TargetKind } from './targets.ts';

export interface Run {
  readonly started: Date;
  readonly rounds: number;
  readonly runMs: number;
  readonly quick: boolean;
  readonly child: string;
  readonly samples: readonly Sample[];
}

type Field = 'rate' | 'p50' | 'p99' | 'cpuEach' | 'clientShare' | 'base' | 'perSession';

function median(samples: readonly Sample[], target: string, measure: string, field: Field): number | undefined {
  const values = samples
    .filter((sample) => sample.target === target && sample.measure === measure)
    .flatMap((sample) => sample[field] ?? [])
    .toSorted((a, b) => a - b);
  if (values.length === 0) return undefined;
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1]! + values[middle]!) / 2;
}

const text = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
const times = (value: number | undefined, base: number | undefined): string =>
  value === undefined || base === undefined || base === 0 ? '' : ` (${(value / base).toFixed(2)}×)`;

export function machine(root: string): Readonly<Record<string, string | number>> {
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

export function print(run: Run, targets: readonly TargetKind[], root: string): void {
  const facts = machine(root);
  console.log(
    `\n${Object.entries(facts)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · ')}`,
  );
  console.log(`${run.rounds} round(s), windows of ${run.runMs} ms, echo child in ${run.child}; medians; (ratio to ${BASELINE})\n`);
  for (const name of new Set(run.samples.map(({ measure }) => measure))) table(run, name);
  for (const { name, note } of targets) if (note !== undefined) console.log(`${name}: ${note}`);
  const failures = run.samples.filter(({ failed }) => failed !== undefined);
  for (const { target, measure, round, failed } of failures) console.log(`FAILED ${target}, ${measure}, round ${round + 1}: ${failed}`);
}

function table(run: Run, measure: string): void {
  const { samples } = run;
  const of = (target: string, field: Field): number | undefined => median(samples, target, measure, field);
  const against = (target: string, field: Field, digits: number): string =>
    text(of(target, field), digits) + times(of(target, field), of(BASELINE, field));
  const added = (target: string, field: 'p50' | 'p99'): number | undefined => {
    const [value, direct] = [of(target, field), of(DIRECT, field)];
    return value === undefined || direct === undefined ? undefined : value - direct;
  };
  const rows = [
    ...new Set(samples.filter((sample) => sample.measure === measure && sample.failed === undefined).map(({ target }) => target)),
  ].map((target) => {
    if (of(target, 'base') !== undefined) {
      const mib = (field: Field): string =>
        text((of(target, field) ?? Number.NaN) / 2 ** 20, 2) + times(of(target, field), of(BASELINE, field));
      return { target, 'base MiB': mib('base'), 'MiB per session': mib('perSession') };
    }
    const latency = of(DIRECT, 'p50') !== undefined && target !== DIRECT;
    const plus = (field: 'p50' | 'p99'): string => text(added(target, field), 3) + times(added(target, field), added(BASELINE, field));
    return {
      target,
      'per second': against(target, 'rate', 0),
      'p50 ms': against(target, 'p50', 3),
      'p99 ms': against(target, 'p99', 3),
      'bridge CPU ms each': against(target, 'cpuEach', 4),
      'load core': text(of(target, 'clientShare'), 2),
      ...(latency ? { 'added p50 ms': plus('p50'), 'added p99 ms': plus('p99') } : {}),
    };
  });
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (row: Readonly<Record<string, string>>, column: string): string => row[column] ?? '';
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row, column).length)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((value, index) => (index === 0 ? value.padEnd(widths[0]!) : value.padStart(widths[index]!))).join('  ')}`;
  console.log(`${measure}\n${line(columns)}`);
  for (const row of rows) console.log(line(columns.map((column) => cell(row, column))));
  console.log();
}

/** Writes every sample and what it is of; returns the path, relative to the repository. */
export function keep(run: Run, root: string): string {
  const folder = join(root, 'test/bench/results');
  mkdirSync(folder, { recursive: true });
  const facts = machine(root);
  const versions = JSON.parse(readFileSync(join(root, 'test/bench/peers/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const stamp = run.started.toISOString().slice(0, 19).replaceAll(':', '');
  const path = join(folder, `${stamp}-${String(facts['commit']).split(' ')[0]}${run.quick ? '-quick' : ''}.json`);
  writeFileSync(path, `${JSON.stringify({ machine: facts, peers: versions.dependencies, ...run }, undefined, 1)}\n`);
  return relative(root, path);
}
