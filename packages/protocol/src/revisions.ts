/**
 * Owns what each MCP revision allows, as one table: a rule that differs between revisions is a cell
 * here, never an `if` elsewhere. Pure.
 * Source: the specification's pages of each revision (basic/transports, basic/lifecycle, changelog).
 */

/** Revisions with the initialize handshake, oldest first. The stateless era has one, which is in meta-keys.ts. */
export const LEGACY_REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const;

export type Revision = (typeof LEGACY_REVISIONS)[number];

/**
 * What the two sides of a session have agreed on: the server's choice, which may be a revision that is not ours, as 2024-10-07.
 * Of such a one nothing is assumed that some revision lacks.
 */
export type AgreedRevision = Revision | 'other';

interface RevisionRules {
  /** Arrays of messages may be posted (2025-03-26 only). */
  readonly batches: boolean;
  /** A stream may begin with an event that has an id and empty data (SEP-1699); older clients fail on it. */
  readonly primingEvent: boolean;
}

export const REVISIONS: Readonly<Record<AgreedRevision, RevisionRules>> = {
  '2024-11-05': { batches: false, primingEvent: false },
  '2025-03-26': { batches: true, primingEvent: false },
  '2025-06-18': { batches: false, primingEvent: false },
  '2025-11-25': { batches: false, primingEvent: true },
  other: { batches: false, primingEvent: false },
};

/** The revision assumed when no version header is sent (2025-06-18 basic/transports, Protocol Version Header). */
export const ASSUMED_REVISION: Revision = '2025-03-26';

export function isRevision(value: string | undefined): value is Revision {
  return (LEGACY_REVISIONS as readonly (string | undefined)[]).includes(value);
}

/** `chosen`: as the server spells it. */
export function agreedRevision(chosen: string): AgreedRevision {
  return isRevision(chosen) ? chosen : 'other';
}

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;

/** Whether a text has the form of a revision. */
export function isDate(text: string): boolean {
  return DATE.test(text);
}

/** What a revision is called where people read: a server may spell anything, of any length. */
export function revisionLabel(text: string): string {
  return text === '' || isDate(text) ? text : 'other';
}
