/**
 * Owns the benchmark's plan: which targets, which measures, how often, in which order. Targets are interleaved
 * (every round starts each of them once, in a turned order), so that a slow minute of the machine hits all.
 * Started by `npm run bench`; see `--help`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildEcho, buildLanes } from './child.ts';
import { plan, type Sample } from './measures.ts';
import { printGoals } from './goals.ts';
import { printChanges } from './history.ts';
import { keep, machine, print, type Run } from './report.ts';
import { measure, measureDirect } from './take.ts';
import { TARGETS, type Ground } from './targets.ts';

const HELP = `npm run bench -- [options]

  --rounds N         rounds over all targets; medians are printed (default 3)
  --quick            one short round over four targets, under two minutes
  --only a,b         targets of these names, or whose names contain them
  --measures a,b     measures likewise
  --run-ms N         length of each measured window (default 3000)
  --profile DIR      Causeway's processes write profiles there: the last of each name stays (flame.ts draws them)
  --no-keep          print only; without it the figures are kept in test/bench/results
`;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    measures: { type: 'string' },
    'run-ms': { type: 'string' },
    profile: { type: 'string' },
    keep: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
});

const root = join(import.meta.dirname, '../..');
const cache = join(root, '.cache/bench');

/** The peers as their lock file says, installed once and again whenever it changes. */
function installPeers(): void {
  const from = join(import.meta.dirname, 'peers');
  const to = join(cache, 'peers');
  mkdirSync(to, { recursive: true });
  const installed = join(to, 'node_modules/.package-lock.json');
  const lock = (folder: string): string => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (existsSync(installed) && lock(from) === lock(to)) return;
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(from, file), join(to, file));
  console.log('bench: installing the peers');
  execFileSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: to, stdio: 'inherit' });
}

function findNats(): string | undefined {
  const places = [
    process.env['CAUSEWAY_NATS_SERVER'],
    ...(process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'nats-server')),
  ];
  return [...places, join(root, '.cache/nats-server/nats-server')].find((place) => place !== undefined && existsSync(place));
}

/** Those that the list asks for, by their whole names or, where nothing is called so, by a part of them. A comma in a name is followed by a blank. */
function named<T extends { readonly name: string }>(all: readonly T[], list: string | undefined): readonly T[] {
  if (list === undefined) return all;
  const whole = new Set(all.map(({ name }) => name));
  return all.filter(({ name }) => list.split(/,(?! )/).some((part) => (whole.has(part) ? name === part : name.includes(part))));
}

async function main(): Promise<void> {
  if (values.help) return console.log(HELP);
  installPeers();
  const profiles = values.profile === undefined ? {} : { profiles: resolve(values.profile) };
  const ground: Ground = {
    echo: buildEcho(cache),
    lanes: buildLanes(cache),
    root,
    cache,
    natsServer: findNats(),
    running: new Set(),
    ...profiles,
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  process.once('exit', () => ground.running.forEach((child) => child.kill()));
  const runMs = Number(values['run-ms'] ?? (values.quick ? 1200 : 3000));
  const measures = named(plan(values.quick, runMs), values.measures);
  const targets = named(TARGETS.slice(0, values.quick ? 4 : TARGETS.length), values.only).filter(({ serves }) =>
    measures.some(({ needs }) => serves.has(needs)),
  );
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));

  const started = new Date();
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    samples.push(...(await measureDirect(ground, measures, round)));
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = targets[(turn + round) % targets.length]!;
      console.log(`bench: round ${round + 1} of ${rounds}, ${target.name}`);
      samples.push(...(await measure(target, ground, measures, round)));
    }
  }
  const run: Run = {
    started,
    rounds,
    runMs,
    quick: values.quick,
    child: ground.echo.language,
    load: ground.lanes === undefined ? 'JavaScript' : 'C',
    samples,
  };
  const facts = machine(root);
  print(run, facts, targets);
  printChanges(run, facts, root);
  printGoals(samples);
  if (values.keep) console.log(`kept in ${keep(run, facts, root)}`);
  // A peer that fails a measure is a finding; Causeway that does is a fault.
  if (samples.some(({ failed, target }) => failed !== undefined && target.startsWith('causeway'))) process.exitCode = 1;
}

await main();
