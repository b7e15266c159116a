/** Owns taking members out of an object and adding others at once, so that the commas are right whatever is left. Pure. */
import { withoutMembers, type Edit, type Members } from '@causeway/protocol';

export interface Change {
  readonly without?: ReadonlySet<string>;
  /** Members as JSON text, without braces; none of them is in the object, or is taken out. */
  readonly add?: string;
}

const NONE: ReadonlySet<string> = new Set();

export function change(bytes: Buffer, members: Members, { without = NONE, add = '' }: Change): readonly Edit[] {
  const edits = without.size === 0 ? [] : withoutMembers(bytes, members, without);
  if (add === '') return edits;
  const start = members.span.start + 1;
  const alone = [...members.of.keys()].every((name) => without.has(name));
  return [{ span: { start, end: start }, bytes: Buffer.from(alone ? add : `${add},`) }, ...edits];
}

/** Members as JSON text, those that are there. */
export const joined = (...members: readonly (string | undefined)[]): string => members.filter((text) => text !== undefined).join(',');
