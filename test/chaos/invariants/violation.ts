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

/** One line for each kind: how many there are, and the evidence of the first. */
export function describeViolations(violations: readonly Violation[]): string {
  // Numbers and names differ from case to case of one kind.
  const kinds = Map.groupBy(violations, ({ invariant, what }) => `${invariant} ${what.replaceAll(/\b\d+\b|\b\w{12}\b/g, '…')}`);
  return [...kinds.values()]
    .map((same) => {
      const [{ invariant, what, evidence }] = same as [Violation];
      return `  ${invariant} ${what}${same.length > 1 ? ` (and ${same.length - 1} more like it)` : ''}: ${JSON.stringify(evidence)?.slice(0, 1_500)}`;
    })
    .join('\n');
}
