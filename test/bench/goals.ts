/**
 * Owns what Causeway is meant to reach: each goal once, as a figure made of medians and the bound that it is held against.
 * Ratios are of figures of one run. A goal whose measures were not taken is shown without a figure.
 */
import { printGrid, text } from './grid.ts';
import { DIRECT, FLEET, idleName, NAMES, type Field, type Sample } from './measures.ts';
import { mediansOf, minus, ratio, type Look } from './medians.ts';
import { BASELINE } from './peer-targets.ts';

interface Goal {
  readonly row: number;
  readonly what: string;
  readonly figure: number | undefined;
  readonly unit: string;
  /** None: it is shown only. */
  readonly bound?: readonly ['at least' | 'at most', number];
  readonly digits?: number;
}

const CAUSEWAYS = ['causeway cluster', 'causeway'] as const;
const PEERS = [BASELINE, 'mcp-proxy streamable', 'supergateway sse', 'mcp-proxy sse'];
const STREAMABLE = [BASELINE, 'mcp-proxy streamable'];
const STATELESS = ['mcp-proxy streamable', 'mcp-proxy --stateless'];
const GIB = 2 ** 30;

/** The extreme of what these targets have; undefined unless all of them were measured, be it that one failed. */
type Extreme = (targets: readonly string[], measure: string, field: Field, pick: typeof Math.max) => number | undefined;

function extremesOf(samples: readonly Sample[], look: Look): Extreme {
  return (targets, measure, field, pick) => {
    const tried = (target: string): boolean => samples.some((sample) => sample.target === target && sample.measure === measure);
    const values = targets.flatMap((target) => look(target, measure, field) ?? []);
    return targets.every(tried) && values.length > 0 ? pick(...values) : undefined;
  };
}

/** Rows 1 to 3: small calls. */
function calls(look: Look, extreme: Extreme): readonly Goal[] {
  const rate = (target: string, measure: string): number | undefined => look(target, measure, 'rate');
  const rows = CAUSEWAYS.flatMap((target, at) =>
    [NAMES.busy, NAMES.crowded].flatMap((measure): readonly Goal[] => {
      const best = extreme(PEERS, measure, 'rate', Math.max);
      const common = { row: at + 1, unit: '×' };
      return [
        {
          ...common,
          what: `${target}, calls/s, ${measure}`,
          figure: ratio(rate(target, measure), rate(BASELINE, measure)),
          bound: ['at least', 4],
        },
        { ...common, what: `${target}, the same, to the best peer`, figure: ratio(rate(target, measure), best), bound: ['at least', 2.5] },
      ];
    }),
  );
  const cpu = (target: string): number | undefined => look(target, NAMES.busy, 'cpuEach');
  return [
    ...rows,
    {
      row: 3,
      what: 'causeway cluster, CPU per call, 32 sessions',
      figure: ratio(cpu('causeway cluster'), cpu(BASELINE)),
      unit: '×',
      bound: ['at most', 0.35],
    },
  ];
}

/** Row 4: what one session waits longer than without a bridge. */
function latency(look: Look): readonly Goal[] {
  return CAUSEWAYS.flatMap((target, at) =>
    (['p50', 'p99'] as const).map((field): Goal => {
      const added = (name: string): number | undefined => minus(look(name, NAMES.one, field), look(DIRECT, NAMES.one, field));
      return {
        row: 4,
        what: `${target}, added ${field}, 1 session`,
        figure: ratio(added(target), added(BASELINE)),
        unit: '×',
        bound: ['at most', at === 0 ? 1 : 0.5],
      };
    }),
  );
}

/** Rows 5 to 7: large results, calls without a session, bursts. */
function flows(look: Look, extreme: Extreme): readonly Goal[] {
  return CAUSEWAYS.flatMap((target): readonly Goal[] => {
    const rate = (name: string, measure: string): number | undefined => look(name, measure, 'rate');
    const [beside, quiet] = [look(target, NAMES.beside, 'p99'), look(target, NAMES.beside, 'aloneP99')];
    const stateless = extreme(STATELESS, NAMES.stateless, 'rate', Math.max);
    return [
      {
        row: 5,
        what: `${target}, 1 MB results/s, 8 sessions`,
        figure: ratio(rate(target, NAMES.large), rate(BASELINE, NAMES.large)),
        unit: '×',
        bound: ['at least', 5],
      },
      {
        row: 5,
        what: `${target}, p99 of small calls meanwhile, to theirs alone`,
        figure: ratio(beside, quiet),
        unit: '×',
        bound: ['at most', 3],
      },
      {
        row: 6,
        what: `${target}, calls/s without a session, 32 clients, to mcp-proxy's best`,
        figure: ratio(rate(target, NAMES.stateless), stateless),
        unit: '×',
        bound: ['at least', 4],
      },
      {
        row: 7,
        what: `${target}, progress/s in one call, all and in order`,
        figure: rate(target, NAMES.burst),
        unit: '/s',
        bound: ['at least', 30_000],
        digits: 0,
      },
    ];
  });
}

/** Rows 8 and 9: opening, and what an idle session holds. */
function sessions(look: Look, extreme: Extreme): readonly Goal[] {
  return CAUSEWAYS.flatMap((target): readonly Goal[] => {
    const sooner = (name: string, measure: string): number | undefined => ratio(look(BASELINE, measure, 'p50'), look(name, measure, 'p50'));
    const opens = (name: string): number | undefined => look(name, NAMES.opens, 'rate');
    const least = (field: Field): number | undefined => extreme(STREAMABLE, NAMES.memory, field, Math.min);
    const held = (field: Field): number | undefined => ratio(look(target, NAMES.memory, field), least(field));
    return [
      { row: 8, what: `${target}, open to first result, sooner`, figure: sooner(target, NAMES.first), unit: '×', bound: ['at least', 1] },
      { row: 8, what: `${target}, the same, Node child`, figure: sooner(target, NAMES.firstScripted), unit: '×', bound: ['at least', 1] },
      { row: 8, what: `${target}, opens/s`, figure: ratio(opens(target), opens(BASELINE)), unit: '×', bound: ['at least', 1] },
      {
        row: 8,
        what: `${target} warm, open to first result, sooner`,
        figure: sooner(`${target} warm`, NAMES.first),
        unit: '×',
        bound: ['at least', 3],
      },
      {
        row: 8,
        what: `${target} warm, the same, Node child`,
        figure: sooner(`${target} warm`, NAMES.firstScripted),
        unit: '×',
        bound: ['at least', 3],
      },
      {
        row: 9,
        what: `${target}, memory of an idle session, to the best streamable peer`,
        figure: held('perSession'),
        unit: '×',
        bound: ['at most', 0.7],
      },
      { row: 9, what: `${target}, memory of the idle bridge, likewise`, figure: held('base'), unit: '×', bound: ['at most', 1.2] },
    ];
  });
}

/** Row 10: nothing is left. */
function churn(look: Look): readonly Goal[] {
  return CAUSEWAYS.flatMap((kind): readonly Goal[] => {
    const target = `${kind} churn`;
    const of = (field: Field): number | undefined => look(target, NAMES.churn, field);
    const none = { row: 10, unit: '', bound: ['at most', 0], digits: 0 } as const;
    return [
      { ...none, what: `${target}, children left`, figure: of('childrenLeft') },
      { ...none, what: `${target}, open files left`, figure: of('fdsLeft') },
      {
        row: 10,
        what: `${target}, heap after a collection, to that before`,
        figure: ratio(of('heapAfter'), of('heapBefore')),
        unit: '×',
        bound: ['at most', 1.05],
      },
    ];
  });
}

/** Rows 11 and 12: more processes, and very many sessions. */
function scale(look: Look): readonly Goal[] {
  const sizes = ['causeway cluster', 'causeway cluster of 2', 'causeway cluster of 4'];
  const perCpuSecond = (target: string): number | undefined => ratio(1000, look(target, NAMES.scale, 'cpuEach'));
  const doublings = sizes.slice(1).map((target, at): Goal => {
    const kept = ratio(perCpuSecond(target), perCpuSecond(sizes[at]!));
    return {
      row: 11,
      what: `calls per CPU-second, ${sizes[at]!} to ${target}: fall`,
      figure: minus(100, kept && kept * 100),
      unit: ' %',
      bound: ['at most', 10],
      digits: 0,
    };
  });
  const [few, most] = [idleName(FLEET[0]), idleName(FLEET.at(-1)!)];
  const of = (measure: string, field: Field): number | undefined => look('causeway fleet', measure, field);
  const grown = (field: Field): number | undefined => ratio(of(most, field), of(few, field));
  const [base, each] = [of(most, 'base'), of(most, 'perSession')];
  return [
    ...doublings,
    { row: 12, what: `CPU per call, ${most}, to ${FLEET[0]}`, figure: grown('cpuEach'), unit: '×', bound: ['at most', 1.1] },
    {
      row: 12,
      what: 'records written/s while all is quiet, likewise',
      figure: grown('writesPerSecond'),
      unit: '×',
      bound: ['at most', 1.1],
    },
    { row: 12, what: 'memory of an idle session, without its child', figure: ratio(each, 1024), unit: ' KiB', digits: 1 },
    {
      row: 12,
      what: '100,000 of them, by projection',
      figure: base === undefined || each === undefined ? undefined : (base + 100_000 * each) / GIB,
      unit: ' GiB',
    },
  ];
}

function verdict({ figure, bound }: Goal): string {
  if (figure === undefined || bound === undefined) return '';
  return (bound[0] === 'at least' ? figure >= bound[1] : figure <= bound[1]) ? 'reached' : 'NOT REACHED';
}

export function printGoals(samples: readonly Sample[]): void {
  const look = mediansOf(samples);
  const goals = [calls, latency, flows, sessions, churn, scale]
    .flatMap((part) => part(look, extremesOf(samples, look)))
    .toSorted((a, b) => a.row - b.row);
  const rows = goals.map((goal) => ({
    row: String(goal.row),
    what: goal.what,
    figure: goal.figure === undefined ? '–' : `${text(goal.figure, goal.digits ?? 2)}${goal.unit}`,
    target: goal.bound === undefined ? '' : `${goal.bound[0]} ${goal.bound[1]}${goal.unit}`,
    '': verdict(goal),
  }));
  printGrid('targets', rows, ['what', 'target', '']);
}
