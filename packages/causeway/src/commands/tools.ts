/** Owns `causeway tools`: what a server can do, and what each of its tools takes. */
import { EXIT } from '../failure.ts';
import { parameterLabel } from '../mcp/arguments.ts';
import { converse } from '../mcp/conversation.ts';
import { parseEndpointLine, TIMEOUT, timeoutOf } from '../mcp/endpoint.ts';
import { listTools, signatureOf, type Tool } from '../mcp/tools.ts';
import { checkWords, isJson, printList } from '../operation.ts';
import { harmless, table, type Column } from '../table.ts';

const USAGE = 'causeway tools [SERVER] [--url URL] [--api-key KEY] [--header "K: V"] [--timeout TIME] [--format table|json] [-q]';

const OPTIONS = { ...TIMEOUT, format: { type: 'string' }, quiet: { type: 'boolean', short: 'q' } } as const;

/** Characters of a description. */
const WIDTH = 60;

const COLUMNS: readonly Column<Tool>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'DOES', of: (tool) => summary(tool) },
  { title: 'TAKES', of: (tool) => signatureOf(tool).parameters.map(parameterLabel).join(' ') },
];

function summary({ title, description }: Tool): string {
  const [line = ''] = [description, title].filter((text) => typeof text === 'string').map((text) => text.trim().split('\n')[0]!);
  return line.length > WIDTH ? `${line.slice(0, WIDTH - 1).trimEnd()}…` : line;
}

export async function tools(argv: readonly string[]): Promise<number> {
  const line = await parseEndpointLine(argv, { options: OPTIONS, usage: USAGE });
  const json = isJson(line.text('format'));
  checkWords(line.words, 1);
  const found = await converse({ line, server: line.words[0], timeout: timeoutOf(line) }, listTools);
  printList(
    { json, quiet: line.has('quiet') },
    { document: { tools: found }, names: found.map(({ name }) => harmless(name)), lines: table(COLUMNS, found), none: 'no tools' },
  );
  return EXIT.ok;
}
