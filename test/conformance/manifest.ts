/**
 * Owns which scenarios of the official suite are required of the bridge, for each run. The lists are pinned: a
 * scenario that a suite no longer finds, or finds anew, is a failure to be looked at, not a silent change.
 * Source: the suites' own lists (`conformance list --server`), and requirements/*.yaml of the coming one.
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

/** Of those above, what 2026-07-28 has no method for any more. */
const REMOVED = new Set<string>([
  'server-initialize',
  'logging-set-level',
  'ping',
  'tools-call-with-logging',
  'tools-call-sampling',
  'tools-call-elicitation',
  'resources-subscribe',
  'resources-unsubscribe',
]);

const SINCE_2026_07_28 = [
  'server-stateless',
  'server-sse-multiple-streams',
  'sep-2164-resource-not-found',
  'dns-rebinding-protection',
  'caching',
  ...[
    'basic-elicitation',
    'basic-sampling',
    'basic-list-roots',
    'request-state',
    'multiple-input-requests',
    'multi-round',
    'missing-input-response',
    'non-tool-request',
    'result-type',
    'unsupported-methods',
    'tampered-state',
    'capability-check',
    'ignore-extra-params',
    'validate-input',
  ].map((name) => `input-required-result-${name}`),
];
const UNSCORED_2026_07_28 = ['json-schema-2020-12', 'http-header-validation', 'http-custom-header-server-validation'] as const;

/** An extension that no server here has. */
const TASKS = [
  'lifecycle',
  'capability-negotiation',
  'wire-fields',
  'request-state-removal',
  'mrtr-input',
  'request-headers',
  'dispatch-and-envelope',
  'status-notifications',
  'required-task-error',
  'mrtr-composition',
].map((name) => `tasks-${name}`);

export interface ConformanceRun {
  readonly name: string;
  readonly suite: Suite;
  readonly args: readonly string[];
  /** Every check of these passes, whether the suite scores them or not. */
  readonly scenarios: readonly string[];
  /** Run by the suite, and not judged. */
  readonly ignored?: readonly string[];
  /** Of the scenarios, those that have nothing to praise in front of a stdio server. */
  readonly quiet?: readonly string[];
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
  quiet: ['server-sse-polling'],
};

export const REQUIRED_2025_11_25: ConformanceRun = {
  name: 'the requirements of 2025-11-25',
  suite: 'conformance-next',
  args: ['--requirements', '2025-11-25'],
  scenarios: [...BASIC, ...SINCE_2025_11_25, ...UNSCORED_2025_11_25, SESSIONS],
};

export const REQUIRED_2026_07_28: ConformanceRun = {
  name: 'the requirements of 2026-07-28',
  suite: 'conformance-next',
  args: ['--requirements', '2026-07-28'],
  scenarios: [...BASIC.filter((name) => !REMOVED.has(name)), ...SINCE_2026_07_28, ...UNSCORED_2026_07_28],
  ignored: TASKS,
};

export const OLDER: readonly ConformanceRun[] = [dated('2025-03-26', [SESSIONS]), dated('2025-06-18', [...BASIC, SESSIONS])];
