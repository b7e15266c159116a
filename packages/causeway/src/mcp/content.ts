/** Owns how the result of a tool looks to people: its texts; what is no text is named, and shown by `--format json` alone. Pure. */

export interface Shown {
  readonly texts: readonly string[];
  /** What is not shown. */
  readonly notes: readonly string[];
}

interface Part {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly uri?: unknown;
  readonly mimeType?: unknown;
  readonly data?: unknown;
  readonly blob?: unknown;
  readonly resource?: Part | null;
}

export function shown({ content, structuredContent }: Readonly<Record<string, unknown>>): Shown {
  const parts = (Array.isArray(content) ? content : []).filter((part): part is Part => typeof part === 'object' && part !== null);
  const texts = parts.flatMap(textOf);
  // A result need not say in words what it says as an object.
  if (parts.length === 0 && structuredContent !== undefined) texts.push(JSON.stringify(structuredContent, undefined, 2));
  const notes = parts.filter((part) => textOf(part).length === 0).map(noteOf);
  return { texts, notes };
}

function textOf(part: Part): string[] {
  if (part.type === 'text' && typeof part.text === 'string') return [part.text];
  if (part.type === 'resource' && typeof part.resource?.text === 'string') return [part.resource.text];
  return part.type === 'resource_link' && typeof part.uri === 'string' ? [part.uri] : [];
}

function noteOf(part: Part): string {
  const { mimeType, data, blob } = { ...part.resource, ...part };
  const base64 = data ?? blob ?? part.resource?.blob;
  const size = typeof base64 === 'string' ? `${Buffer.byteLength(base64, 'base64')} bytes of ` : '';
  return `${size}${typeof mimeType === 'string' ? mimeType : String(part.type)} not shown; --format json has it`;
}
