/** Owns the JSON Schema that editors use: the zod schema's, with the short forms of the groups added. */
import { z } from 'zod';
import { fileSchema } from './schema.ts';

type Json = Record<string, unknown>;

const SHORT: Readonly<Record<string, readonly Json[]>> = {
  listen: [{ type: ['string', 'integer'] }],
  diagnostics: [{ type: ['string', 'integer'] }, { const: false }],
  admin: [{ type: ['string', 'integer'] }, { const: false }],
  nats: [{ type: 'string' }],
  import: [{ type: 'string' }],
};

export function jsonSchema(): Json {
  const schema = z.toJSONSchema(fileSchema, { io: 'input', unrepresentable: 'any' }) as Json;
  const properties = schema['properties'] as Record<string, Json>;
  for (const [name, forms] of Object.entries(SHORT)) {
    const { description, default: initial, ...long } = properties[name]!;
    properties[name] = { description, ...(initial === undefined ? {} : { default: initial }), anyOf: [long, ...forms] };
  }
  const nats = ((properties['nats'] as Json)['anyOf'] as Json[])[0]!;
  (nats['properties'] as Json)['url'] = { type: 'string', description: 'Short for `servers`.' };
  delete nats['required'];
  const cors = ((properties['http'] as Json)['properties'] as Record<string, Json>)['cors']!;
  (cors['anyOf'] as Json[]).push({ const: true }, { type: 'string' }, { type: 'array', items: { type: 'string' } });
  return { $id: 'https://unpkg.com/@causeway/config/schema.json', title: 'causeway.yaml', ...schema };
}
