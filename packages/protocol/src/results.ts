/**
 * Owns the form of a result in the stateless era when it comes from a server with a handshake: what every result says
 * there, what lists and resources say about caching, and what that era has no word for. Pure.
 * Source: 2026-07-28 basic/index (Results), basic/patterns/caching, changelog.
 */
import { elementsOf, membersAt, membersOf, textOf, withMembers, withoutMembers, type Members } from './members.ts';
import { SERVER_INFO_KEY, TASKS_KEY } from './meta-keys.ts';
import { rawText, slice, splice, type Edit } from './splice.ts';

/** Methods whose results say for how long, and by whom, they may be kept. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** Not to be kept, and by nobody else: a server with a handshake has promised nothing. */
const UNCACHED = '"ttlMs":0,"cacheScope":"private"';
const EXECUTION: ReadonlySet<string> = new Set(['execution']);

/** The changes that make a result complete; none for what is no object. `serverInfo`: raw JSON text. */
export function completing(bytes: Buffer, result: Members | undefined, method: string, serverInfo: string | undefined): readonly Edit[] {
  if (!result) return [];
  const added: string[] = [];
  if (!result.of.has('resultType')) added.push('"resultType":"complete"');
  if (CACHEABLE.has(method) && !result.of.has('ttlMs') && !result.of.has('cacheScope')) added.push(UNCACHED);
  const meta = membersOf(bytes, result, '_meta');
  const edits: Edit[] = [];
  if (serverInfo !== undefined && !meta?.of.has(SERVER_INFO_KEY)) {
    const info = `"${SERVER_INFO_KEY}":${serverInfo}`;
    if (meta) edits.push(withMembers(meta, info));
    else if (!result.of.has('_meta')) added.push(`"_meta":{${info}}`);
  }
  if (added.length > 0) edits.push(withMembers(result, added.join(',')));
  if (method === 'tools/list') edits.push(...withoutExecution(bytes, result));
  return edits;
}

/** Tools of this era have no `execution`; one that can only be called as a task of the former era cannot be called at all. */
function withoutExecution(bytes: Buffer, result: Members): readonly Edit[] {
  const span = result.of.get('tools');
  const tools = elementsOf(bytes, result, 'tools').map((tool) => ({ tool, members: membersAt(bytes, tool.start) }));
  if (!span || !tools.some(({ members }) => members?.of.has('execution'))) return [];
  const kept = tools.flatMap(({ tool, members }) => {
    if (textOf(bytes, membersOf(bytes, members, 'execution'), 'taskSupport') === 'required') return [];
    const alone = Buffer.from(slice(bytes, tool));
    const own = membersAt(alone);
    return [own ? splice(alone, withoutMembers(alone, own, EXECUTION)).toString() : alone.toString()];
  });
  return [{ span, bytes: Buffer.from(`[${kept.join(',')}]`) }];
}

/** What a server said of itself when it shook hands, as `server/discover` says it; raw JSON text of the result. */
export function discoverResult(handshake: string, version: string): string {
  const bytes = Buffer.from(handshake);
  const result = membersAt(bytes);
  const capabilities = membersOf(bytes, result, 'capabilities');
  const kept = capabilities ? withoutTasks(bytes, capabilities) : '{}';
  const instructions = textOf(bytes, result, 'instructions') === undefined ? undefined : result?.of.get('instructions');
  const info = result?.of.get('serverInfo');
  const members = [
    '"resultType":"complete"',
    `"supportedVersions":${JSON.stringify([version])}`,
    `"capabilities":${kept}`,
    ...(instructions ? [`"instructions":${rawText(bytes, instructions)}`] : []),
    UNCACHED,
    ...(info ? [`"_meta":{${JSON.stringify(SERVER_INFO_KEY)}:${rawText(bytes, info)}}`] : []),
  ];
  return `{${members.join(',')}}`;
}

const EXTENSION: ReadonlySet<string> = new Set([TASKS_KEY]);

/** The changes that take the extension for tasks out of the capabilities of a server or a client of the stateless era. */
export function withoutTaskExtension(bytes: Buffer, capabilities: Members | undefined): readonly Edit[] {
  const extensions = membersOf(bytes, capabilities, 'extensions');
  return extensions?.of.has(TASKS_KEY) ? withoutMembers(bytes, extensions, EXTENSION) : [];
}

const TASKS: ReadonlySet<string> = new Set(['tasks']);

function withoutTasks(bytes: Buffer, { span }: Members): string {
  const text = Buffer.from(slice(bytes, span));
  return splice(text, withoutMembers(text, membersAt(text)!, TASKS)).toString();
}
