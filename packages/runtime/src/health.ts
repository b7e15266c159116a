/**
 * Owns what a process says of its own health: named checks, and how they read as text and as JSON.
 * Keeps: a check answers from what is known already; asking never does I/O, never waits, never starts
 * an MCP session. It leaves paths and status lines to `diagnostics.ts`.
 */

/** `degraded` is worth a look but serves; `failing` must get no traffic. */
export type CheckState = 'ok' | 'degraded' | 'failing';

export interface CheckResult {
  readonly state: CheckState;
  /** For people, e.g. `no workers`. */
  readonly note?: string;
}

export interface NamedResult extends CheckResult {
  readonly name: string;
}

export interface HealthReport {
  /** HTTP status: 503 when a check fails, else 200. */
  readonly status: 200 | 503;
  /** The worst of the checks. */
  readonly state: CheckState;
  readonly checks: readonly NamedResult[];
}

export interface Health {
  /** Adds a check; a name is used once. A check that throws counts as failing. Returns the way to remove it. */
  add(name: string, check: () => CheckResult): () => void;
  /** Readiness: every check, in the order in which they were added. */
  ready(): HealthReport;
  /** Liveness: the process turns its loop, or nobody would be answering. */
  live(): HealthReport;
}

export function createHealth(): Health {
  const checks = new Map<string, () => CheckResult>();
  return {
    add(name, check) {
      if (checks.has(name)) throw new Error(`there is a health check "${name}" already`);
      checks.set(name, check);
      return () => void checks.delete(name);
    },
    ready: () => report([...checks].map(([name, check]) => ({ name, ...run(check) }))),
    live: () => report([{ name: 'loop', state: 'ok' }]),
  };
}

function run(check: () => CheckResult): CheckResult {
  try {
    return check();
  } catch {
    return { state: 'failing', note: 'the check itself failed' };
  }
}

function report(checks: readonly NamedResult[]): HealthReport {
  const state = checks.some((check) => check.state === 'failing')
    ? 'failing'
    : checks.some((check) => check.state === 'degraded')
      ? 'degraded'
      : 'ok';
  return { status: state === 'failing' ? 503 : 200, state, checks };
}

const MARK: Readonly<Record<CheckState, string>> = { ok: '[+]', degraded: '[!]', failing: '[-]' };

/** As Kubernetes' own endpoints read: one line per check when `verbose` or failing, then the sum of it. */
export function healthText({ state, checks }: HealthReport, verbose = false): string {
  if (!verbose && state === 'ok') return 'ok\n';
  const shown = verbose ? checks : checks.filter((check) => check.state !== 'ok');
  const lines = shown.map(({ name, state: one, note }) => `${MARK[one]}${name} ${one}${note === undefined ? '' : `: ${note}`}`);
  return `${[...lines, state].join('\n')}\n`;
}

/** The body for `Accept: application/json`. */
export function healthJson({ state, checks }: HealthReport): string {
  return JSON.stringify({ status: state, checks });
}
