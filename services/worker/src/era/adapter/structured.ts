/**
 * Owns structured content of tools in the eras with a handshake, where it is an object: in the stateless era any value may
 * be one, and a client of before would not even read the list of tools that promises it. Pure.
 * Source: SEP-2106; the official SDK wraps the same way for its own servers.
 *
 * Invariant: what a tool's schema promises is what its results have: a value that is no object is the member `result` of
 * one; a schema whose values may or may not be objects is taken out, and promises nothing.
 */
import { elementsOf, membersAt, membersOf, textOf, withoutMembers, type Edit, type Members, type Span } from '@causeway/protocol';

const OPEN_OBJECT = 0x7b;
const OUTPUT: ReadonlySet<string> = new Set(['outputSchema']);
/** Types of values that are certainly none. */
const PLAIN: ReadonlySet<string | undefined> = new Set(['array', 'string', 'number', 'integer', 'boolean', 'null']);
/** What begins like this may refer to a place in the schema, which wrapping moves. */
const REFERENCE = '"$';

/** The changes to a list of tools. */
export function legacyTools(bytes: Buffer, result: Members): readonly Edit[] {
  return elementsOf(bytes, result, 'tools').flatMap(({ start }): readonly Edit[] => {
    const tool = membersAt(bytes, start);
    if (!tool?.of.has('outputSchema')) return [];
    const schema = membersOf(bytes, tool, 'outputSchema');
    const type = textOf(bytes, schema, 'type');
    if (type === 'object') return [];
    const { span } = schema ?? {};
    const movable = span && PLAIN.has(type) && !bytes.subarray(span.start, span.end).includes(REFERENCE);
    return movable
      ? wrapping(span, '{"type":"object","properties":{"result":', '},"required":["result"]}')
      : withoutMembers(bytes, tool, OUTPUT);
  });
}

/** The changes to the result of a tool. */
export function legacyStructured(bytes: Buffer, result: Members): readonly Edit[] {
  const span = result.of.get('structuredContent');
  return span && bytes[span.start] !== OPEN_OBJECT ? wrapping(span, '{"result":', '}') : [];
}

const wrapping = ({ start, end }: Span, before: string, after: string): readonly Edit[] => [
  { span: { start, end: start }, bytes: Buffer.from(before) },
  { span: { start: end, end }, bytes: Buffer.from(after) },
];
