/**
 * Owns the verdict about one run of the official suite: every scenario of the manifest ran and passed, and no
 * other ran. Failures name scenario, check and what the suite said.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ConformanceRun } from './manifest.ts';
import { failures, runSuite } from './suite.ts';

export async function assertConforms(t: TestContext, run: ConformanceRun, url: string): Promise<void> {
  const findings = await runSuite(run.suite, url, run.args);
  const ran = [...findings.scenarios.keys()].toSorted();
  assert.deepEqual(ran, run.scenarios.toSorted(), `scenarios that ran\n${findings.output.slice(-2_000)}`);
  const failed = failures(findings);
  assert.equal(failed.length, 0, `${failed.length} checks failed:\n${failed.join('\n')}`);
  const warnings = [...findings.scenarios].flatMap(([name, checks]) =>
    checks.filter(({ status }) => status === 'WARNING').map(({ id }) => `${name}: ${id}`),
  );
  t.diagnostic(
    `${findings.scenarios.size} scenarios, ${findings.passed} checks passed${warnings.length === 0 ? '' : `; warnings: ${warnings.join(', ')}`}`,
  );
}
