/** Owns the reference of all settings as Markdown rows, made from the schema: `docs/config.md` is generated from it. Pure. */
import { jsonSchema } from './json-schema.ts';
import { variablesOf } from './settings.ts';

export interface ReferenceRow {
  /** e.g. `streams.heartbeat`, `servers.NAME.idle`. */
  readonly path: string;
  readonly kind: string;
  /** As a user would write it; empty when there is none. */
  readonly initial: string;
  readonly variables: readonly string[];
  readonly text: string;
}

export interface ReferenceGroup {
  readonly name: string;
  readonly text: string;
  readonly rows: readonly ReferenceRow[];
}

type Json = Readonly<Record<string, unknown>>;

export function configReference(): ReferenceGroup[] {
  const properties = jsonSchema()['properties'] as Record<string, Json>;
  return Object.entries(properties)
    .filter(([name]) => name !== '$schema')
    .map(([name, schema]) => {
      const text = description(schema);
      if (name === 'servers')
        return { name, text, rows: rowsOf((schema['additionalProperties'] as Json)['properties'], ['servers', 'NAME']) };
      if (name === 'import') return { name, text, rows: [] };
      const long = ((schema['anyOf'] as Json[] | undefined)?.[0] ?? schema)['properties'];
      return { name, text, rows: rowsOf(long, [name]) };
    });
}

function rowsOf(properties: unknown, base: readonly string[]): ReferenceRow[] {
  return Object.entries(properties as Record<string, Json>).flatMap(([key, schema]) => {
    const path = [...base, key];
    if (schema['properties'] !== undefined) return rowsOf(schema['properties'], path);
    const names = path.join('.').replace(/^servers\.NAME\./, 'servers.*.');
    return [
      {
        path: path.join('.'),
        kind: kindOf(schema),
        initial: schema['default'] === undefined ? '' : JSON.stringify(schema['default']).replaceAll(/^"|"$/g, ''),
        variables: path.join('.') === 'nats.url' ? [] : variablesOf(names),
        text: description(schema),
      },
    ];
  });
}

function description(schema: Json): string {
  return typeof schema['description'] === 'string' ? schema['description'] : '';
}

function kindOf(schema: Json): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].join(', ');
  if (schema['const'] !== undefined) return JSON.stringify(schema['const']);
  const type = schema['type'];
  if (type === 'array') return `list of ${kindOf((schema['items'] ?? {}) as Json)}`;
  if (type === 'object') return 'object';
  if (type === 'string') return 'text';
  if (type === 'boolean') return 'true, false';
  if (Array.isArray(type)) return type.map((one) => (one === 'string' ? 'text' : one)).join(' or ');
  const options = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  return options === undefined ? 'any' : [...new Set(options.map(kindOf))].join(' or ');
}
