/**
 * Owns which scenarios of the official suite are required of the bridge, for each run. The lists are pinned: a
 * scenario that a suite no longer finds, or finds anew, is a failure to be looked at, not a silent change.
 * Source: the suites' own lists (`conformance list --server`), and requirements/2025-11-25.yaml of the coming one.
 */
import type { Suite } from './suite.ts';

/** In every revision since 2025-06-18. */
const BASIC = [
  'server-initialize',
  'logging-set-level',
  'ping',
  'completion-complete',
  'tools-list',
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-with-logging',
  'tools-call-error',
  'tools-call-with-progress',
  'tools-call-sampling',
  'tools-call-elicitation',
  'resources-list',
  'resources-read-text',
  'resources-read-binary',
  'resources-templates-read',
  'resources-subscribe',
  'resources-unsubscribe',
  'prompts-list',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-embedded-resource',
  'prompts-get-with-image',
] as const;

const SINCE_2025_11_25 = [
  'elicitation-sep1034-defaults',
  'elicitation-sep1330-enums',
  'server-sse-multiple-streams',
  'dns-rebinding-protection',
] as const;
const UNSCORED_2025_11_25 = ['json-schema-2020-12', 'server-sse-polling'] as const;
const SESSIONS = 'server-session-lifecycle';

export interface ConformanceRun {
  readonly name: string;
  readonly suite: Suite;
  readonly args: readonly string[];
  /** Every check of these passes. All that the suite runs, also what it does not score. */
  readonly scenarios: readonly string[];
}

const dated = (revision: string, scenarios: readonly string[]): ConformanceRun => ({
  name: `the coming suite at ${revision}`,
  suite: 'conformance-next',
  args: ['--suite', 'all', '--spec-version', revision],
  scenarios,
});

export const RELEASED: ConformanceRun = {
  name: 'the released suite',
  suite: 'conformance',
  args: ['--suite', 'all'],
  scenarios: [...BASIC, ...SINCE_2025_11_25, ...UNSCORED_2025_11_25],
};

export const REQUIRED_2025_11_25: ConformanceRun = {
  name: 'the requirements of 2025-11-25',
  suite: 'conformance-next',
  args: ['--requirements', '2025-11-25'],
  scenarios: [...BASIC, ...SINCE_2025_11_25, ...UNSCORED_2025_11_25, SESSIONS],
};

export const OLDER: readonly ConformanceRun[] = [dated('2025-03-26', [SESSIONS]), dated('2025-06-18', [...BASIC, SESSIONS])];
