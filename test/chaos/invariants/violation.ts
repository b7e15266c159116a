/** What every check of an invariant says: nothing, or what was broken and by which evidence. */
export interface Violation {
  /** As in BAR §3.2, e.g. `I7`. */
  readonly invariant: string;
  readonly what: string;
  readonly evidence: unknown;
}

export function violation(invariant: string, what: string, evidence: unknown): Violation {
  return { invariant, what, evidence };
}

/** Lines for a report, a few of each kind. */
export function describeViolations(violations: readonly Violation[], most = 12): string {
  const lines = violations
    .slice(0, most)
    .map(({ invariant, what, evidence }) => `  ${invariant} ${what}: ${JSON.stringify(evidence)?.slice(0, 600)}`);
  const more = violations.length > most ? [`  … and ${violations.length - most} more`] : [];
  return [...lines, ...more].join('\n');
}
