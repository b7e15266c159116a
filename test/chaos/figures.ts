/** Owns the one line of figures for each fault, printed and, where `CHAOS_REPORT` names a file, appended to it as JSON. */
import { appendFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Violation } from './invariants/violation.ts';
import { describeCall, type CallRecord } from './records.ts';

export interface Figures {
  readonly title: string;
  readonly seed: number;
  readonly sessions: number;
  readonly calls: number;
  readonly failed: number;
  /** Outcomes that were no success, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** One of each of them. */
  readonly examples: readonly string[];
  readonly retried: number;
  readonly resumed: number;
  /** Milliseconds until the last client that the fault concerned was served again. */
  readonly recoveredMs: number | undefined;
  readonly orphans: number;
  readonly doubleExecutions: number;
  readonly overAdmissions: number;
}

export interface FigureSources {
  readonly title: string;
  readonly seed: number;
  readonly sessions: number;
  readonly calls: readonly CallRecord[];
  readonly violations: readonly Violation[];
  readonly recoveredMs: number | undefined;
}

export function figures({ title, seed, sessions, calls, violations, recoveredMs }: FigureSources): Figures {
  const failed = calls.filter(({ outcome }) => outcome !== 'ok');
  const reasons: Record<string, number> = {};
  for (const { reason = 'silence' } of failed) reasons[reason] = (reasons[reason] ?? 0) + 1;
  const examples = Object.keys(reasons).map((reason) => describeCall(failed.find((call) => (call.reason ?? 'silence') === reason)));
  const count = (invariant: string) => violations.filter((one) => one.invariant === invariant).length;
  const sum = (of: (call: CallRecord) => number) => calls.reduce((total, call) => total + of(call), 0);
  return {
    ...{ title, seed, sessions, calls: calls.length, failed: failed.length, reasons, examples, recoveredMs },
    ...{ retried: sum(({ retried }) => retried), resumed: sum(({ resumed }) => resumed) },
    ...{ orphans: count('I4') + count('I13'), doubleExecutions: count('I7'), overAdmissions: count('I2') },
  };
}

export function print(t: TestContext, { title, reasons, examples, recoveredMs, ...rest }: Figures): void {
  const { failed, calls, retried, resumed, orphans, doubleExecutions, overAdmissions, sessions, seed } = rest;
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
  const facts = [
    `failed calls ${failed} of ${calls}${why.length > 0 ? ` (${why.join(', ')})` : ''}`,
    `retried ${retried}`,
    `resumed ${resumed}`,
    `recovered in ${recoveredMs === undefined ? '-' : `${recoveredMs} ms`}`,
    `orphans ${orphans}`,
    `double executions ${doubleExecutions}`,
    `over-admissions ${overAdmissions}`,
    `sessions ${sessions}`,
    `CHAOS_SEED=${seed}`,
  ];
  t.diagnostic(`${title.split(':')[0]}: ${facts.join(', ')}`);
  if (examples.length > 0) t.diagnostic(`  such as ${examples.join('; ')}`);
  const file = process.env['CHAOS_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ title, reasons, examples, recoveredMs, ...rest })}\n`);
}
