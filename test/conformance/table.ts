/**
 * Owns which revision of clients is tried with which server through what, and what no bridge can pass. A failure
 * that is expected and does not come is a failure, so that this list cannot outlive its reasons.
 */
import { stdio2025, stdio2026, type ServerSpec } from '../harness/processes.ts';
import { OLDER, RELEASED, REQUIRED_2025_11_25, REQUIRED_2026_07_28, type ConformanceRun } from './manifest.ts';

/**
 * Some calls have half a second, in which a child of another worker may not even have started; and while calls before them
 * wait for their input, each keeps its child.
 */
const READY = { warm: 4 };

/** Servers of the conformance surface, by the era that they speak. */
export const SERVERS = {
  'stdio-2025': { ...stdio2025(), ...READY },
  'stdio-2026': { ...stdio2026(), ...READY },
  'stdio-dual': { ...stdio2026('dual'), ...READY },
} as const satisfies Record<string, ServerSpec>;

export interface Row {
  readonly server: keyof typeof SERVERS;
  readonly run: ConformanceRun;
  readonly through: 'one process' | 'three edges';
  /** `scenario: check` of every check that fails or warns. */
  readonly expected: readonly string[];
}

/**
 * The suite looks for the key that the server gave its question. A server of 2025 gives none: its questions are
 * requests, and the keys are the bridge's. The warning has the same cause: answers that come without a state, under
 * a key that only a server of 2026 could know, are those of a new call.
 */
const KEYS_OF_THE_SERVER = [
  'input-required-result-basic-elicitation: sep-2322-elicitation-incomplete',
  'input-required-result-ignore-extra-params: sep-2322-ignore-unexpected-params',
];

const row = (through: Row['through'], server: Row['server'], run: ConformanceRun): Row => ({
  server,
  run,
  through,
  expected: run === REQUIRED_2026_07_28 && server === 'stdio-2025' ? KEYS_OF_THE_SERVER : [],
});

const EVERY = [RELEASED, ...OLDER, REQUIRED_2025_11_25, REQUIRED_2026_07_28];
const REQUIRED = [REQUIRED_2025_11_25, REQUIRED_2026_07_28];

export const TABLE: readonly Row[] = [
  ...EVERY.map((run) => row('one process', 'stdio-2025', run)),
  ...EVERY.map((run) => row('one process', 'stdio-2026', run)),
  ...REQUIRED.map((run) => row('one process', 'stdio-dual', run)),
  ...REQUIRED.flatMap((run) => [row('three edges', 'stdio-2025', run), row('three edges', 'stdio-2026', run)]),
];

/** How a test is named after its row. */
export const title = ({ run, server }: Row): string => `${run.name}, in front of ${server}`;
