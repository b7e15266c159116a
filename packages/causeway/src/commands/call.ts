/** Owns `causeway call`: one call of one tool, its result, and an exit code that says how it went. */
import { EXIT, Failure, say, TOOL_ERROR } from '../failure.ts';
import { toolArguments } from '../mcp/arguments.ts';
import type { McpClient } from '../mcp/client.ts';
import { shown } from '../mcp/content.ts';
import { converse } from '../mcp/conversation.ts';
import { parseEndpointLine, TIMEOUT, timeoutOf } from '../mcp/endpoint.ts';
import { refusalOf } from '../mcp/refusal.ts';
import { listTools } from '../mcp/tools.ts';
import { meant } from '../meant.ts';
import { checkWords, isJson, print, printJson } from '../operation.ts';
import { harmless } from '../table.ts';

const USAGE =
  'causeway call [SERVER] TOOL [NAME=VALUE…] [--json OBJECT] [--url URL] [--api-key KEY] [--header "K: V"] [--timeout TIME] [--format table|json]';

const OPTIONS = { ...TIMEOUT, format: { type: 'string' }, json: { type: 'string' } } as const;

type Result = Readonly<Record<string, unknown>>;

export async function call(argv: readonly string[]): Promise<number> {
  const line = await parseEndpointLine(argv, { options: OPTIONS, usage: USAGE });
  const json = isJson(line.text('format'));
  const names = line.words.filter((word) => !isPair(word));
  checkWords(names, 2, 'arguments are written NAME=VALUE');
  const [server, tool] = names.length < 2 ? [undefined, names[0]] : names;
  if (tool === undefined) throw new Failure(EXIT.usage, 'which tool?', ['causeway tools [SERVER] lists them', USAGE]);
  const pairs = line.words.filter(isPair);
  const given = objectOf(line.text('json'));
  if (given !== undefined && pairs.length > 0) throw new Failure(EXIT.usage, `there are --json and "${pairs[0]}": one or the other`);
  const result = await converse({ line, server, timeout: timeoutOf(line) }, async (client, signal) => {
    const params = { name: tool, arguments: given ?? (await argumentsOf(client, tool, pairs, signal)) };
    const attempt = await client.ask('tools/call', params, signal);
    if (attempt.kind !== 'answered') throw refusalOf(attempt, tool);
    return attempt.result;
  });
  if (json) printJson(result);
  const { texts, notes } = shown(result);
  if (result['isError'] === true)
    throw new Failure(EXIT.child, `${tool} failed`, json ? [] : texts.flatMap((text) => text.split('\n')), TOOL_ERROR);
  if (!json) {
    print(texts.map((text) => (process.stdout.isTTY ? harmless(text) : text)));
    for (const note of notes) say(harmless(note));
  }
  return EXIT.ok;
}

function isPair(word: string): boolean {
  return word.indexOf('=') > 0;
}

function objectOf(text: string | undefined): Result | undefined {
  if (text === undefined) return undefined;
  const wrong = (why: string): Failure => new Failure(EXIT.usage, `--json: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Result;
  throw wrong('expected an object, {…}');
}

async function argumentsOf(client: McpClient, name: string, pairs: readonly string[], signal: AbortSignal): Promise<Result> {
  const tools = await listTools(client, signal);
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return toolArguments(pairs, tool);
  const names = tools.map((one) => one.name);
  const guess = await meant(name, names);
  throw new Failure(EXIT.usage, `there is no tool "${name}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`, [
    names.length === 0 ? 'the server has no tools' : 'causeway tools lists them',
  ]);
}
