/**
 * Owns the verdict about one run of the official suite: every scenario of the manifest ran and passed something, no
 * other ran, and what fails or warns is exactly what the table expects. Failures name scenario, check and what the suite said.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { runSuite } from './suite.ts';
import type { Row } from './table.ts';

export async function assertConforms(t: TestContext, { run, expected }: Row, url: string): Promise<void> {
  const { scenarios, output } = await runSuite(run.suite, url, run.args);
  const { ignored = [], quiet = [] } = run;
  const ran = [...scenarios.keys()].toSorted();
  assert.deepEqual(ran, [...run.scenarios, ...ignored].toSorted(), `scenarios that ran\n${output.slice(-2_000)}`);
  const checks = run.scenarios.flatMap((scenario) => scenarios.get(scenario)!.map((check) => ({ scenario, ...check })));
  const short = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const details = short.map(({ scenario, id, status, errorMessage }) => `${status} ${scenario}: ${id}: ${errorMessage ?? ''}`);
  assert.deepEqual(
    short.map(({ scenario, id }) => `${scenario}: ${id}`).toSorted(),
    expected.toSorted(),
    `checks that did not pass, and those expected not to\n${details.join('\n')}`,
  );
  const passes = (scenario: string) => scenarios.get(scenario)!.some(({ status }) => status === 'SUCCESS');
  const silent = run.scenarios.filter((scenario) => !passes(scenario) && !quiet.includes(scenario));
  const failing = expected.map((line) => line.slice(0, line.indexOf(':')));
  assert.deepEqual(
    silent.filter((scenario) => !failing.includes(scenario)),
    [],
    'scenarios in which nothing passed',
  );
  const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
  t.diagnostic(`${run.scenarios.length} scenarios, ${passed} checks passed, ${short.length} expected not to`);
}
