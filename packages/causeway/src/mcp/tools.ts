/** Owns what a server says of its tools: the whole list of them, and what arguments one takes, by its schema. */
import { EXIT, Failure } from '../failure.ts';
import type { McpClient } from './client.ts';
import { refusalOf } from './refusal.ts';

export interface Tool {
  readonly name: string;
  readonly title?: unknown;
  readonly description?: unknown;
  readonly inputSchema?: unknown;
}

/** Pages of a list: a server that never ends it is not waited for. */
const MOST_PAGES = 1_000;

/** Rejects with a `Failure`. */
export async function listTools(client: McpClient, signal: AbortSignal): Promise<readonly Tool[]> {
  const { capabilities } = client.server;
  if (!isObject(capabilities) || capabilities['tools'] === undefined) return [];
  const tools: Tool[] = [];
  let params: Readonly<Record<string, unknown>> = {};
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const attempt = await client.ask('tools/list', params, signal);
    if (attempt.kind !== 'answered') throw refusalOf(attempt, 'tools/list');
    const { tools: some, nextCursor: cursor } = attempt.result;
    if (Array.isArray(some)) tools.push(...some.filter((one): one is Tool => isObject(one) && typeof one['name'] === 'string'));
    if (typeof cursor !== 'string') return tools;
    params = { cursor };
  }
  throw new Failure(EXIT.unexpected, `the list of tools does not end: ${MOST_PAGES} pages so far`);
}

export interface Parameter {
  readonly name: string;
  readonly required: boolean;
  /** Types of JSON that its value may have; none where the schema does not say. */
  readonly types: ReadonlySet<string>;
  /** Texts among which its value has to be, where these are all. */
  readonly values: readonly string[];
  /** Of the elements, where it is a list. */
  readonly items: ReadonlySet<string>;
}

export interface Signature {
  readonly parameters: readonly Parameter[];
  /** Whether further arguments may be given. */
  readonly open: boolean;
}

/** What the schema says of the arguments, as far as a command line can make use of it. */
export function signatureOf({ inputSchema: root }: Tool): Signature {
  if (!isObject(root)) return { parameters: [], open: true };
  const required = Array.isArray(root['required']) ? root['required'] : [];
  const properties = isObject(root['properties']) ? Object.entries(root['properties']) : [];
  const parameters = properties.map(([name, schema]): Parameter => {
    const all = [...alternatives(schema, root)];
    const values = all.flatMap((one) => (Array.isArray(one['enum']) ? one['enum'] : []));
    return {
      name,
      required: required.includes(name),
      types: new Set(all.flatMap(typesOf)),
      values: values.filter((value) => typeof value === 'string'),
      items: new Set(all.flatMap(({ items }) => [...alternatives(items, root)].flatMap(typesOf))),
    };
  });
  return { parameters, open: root['additionalProperties'] !== false };
}

type Schema = Readonly<Record<string, unknown>>;

/** Nesting of references and alternatives that is followed. */
const DEEPEST = 8;

/** The schemas of which one holds: itself, or what it refers to, or its `anyOf`. */
function* alternatives(schema: unknown, root: Schema, depth = 0): Generator<Schema> {
  if (!isObject(schema) || depth > DEEPEST) return;
  const { $ref: reference } = schema;
  if (typeof reference === 'string') return yield* alternatives(at(root, reference), root, depth + 1);
  const several = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => (Array.isArray(schema[word]) ? (schema[word] as unknown[]) : []));
  if (several.length === 0 || schema['type'] !== undefined) yield schema;
  for (const one of several) yield* alternatives(one, root, depth + 1);
}

/** `#/$defs/x` in the schema itself; nothing elsewhere is looked up. */
function at(root: Schema, reference: string): unknown {
  const [here, ...path] = reference.split('/');
  if (here !== '#') return undefined;
  const names = path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce<unknown>((value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined), root);
}

function typesOf({ type, enum: values, const: value }: Schema): string[] {
  if (type !== undefined) return [type].flat().filter((one) => typeof one === 'string');
  const given = Array.isArray(values) ? values : value === undefined ? [] : [value];
  return given.map((one) => (one === null ? 'null' : Array.isArray(one) ? 'array' : typeof one));
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
