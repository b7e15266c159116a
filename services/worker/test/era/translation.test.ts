/** The translation of single messages against a model of it: whatever a message has, it means the same afterwards, and is JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outlineOf, splice } from '@causeway/protocol';
import fc from 'fast-check';
import { ClientMeta } from '../../src/era/adapter/client-meta.ts';
import { legacyError, legacyResult, SERVER_DEPTH } from '../../src/era/adapter/outcome.ts';
import { CAPABILITIES, INFO, LEVEL, SERVER, VERSION } from './stage.ts';

type Json = Record<string, unknown>;

const CLIENT_DEPTH = { params: { _meta: {} } };
const INITIALIZE = Buffer.from('{"params":{"capabilities":{"tasks":{},"roots":{}},"clientInfo":{"name":"c","version":"1"}}}');
const clientMeta = new ClientMeta(INITIALIZE, outlineOf(INITIALIZE, CLIENT_DEPTH)!.inside.get('params'));
const OWN = { [VERSION]: '2026-07-28', [CAPABILITIES]: { roots: {} }, [INFO]: { name: 'c', version: '1' } };

/** An object of some of these members, in any order, and of others. */
const objectOf = (known: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
  fc
    .tuple(
      fc.record(known, { requiredKeys: [] }),
      fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.infiniteStream(fc.nat()),
    )
    .map(([some, others, order]) => {
      const entries = [
        ...Object.entries(others).filter(([key]) => !Object.hasOwn(known, key) && key !== '__proto__'),
        ...Object.entries(some),
      ];
      return Object.fromEntries(
        entries
          .map((entry): [number, typeof entry] => [order.next().value, entry])
          .toSorted(([a], [b]) => a - b)
          .map(([, entry]) => entry),
      );
    });
const value = fc.jsonValue({ maxDepth: 2 });
/** How it is written: on one line, or with blanks wherever JSON allows them. */
const written = (message: fc.Arbitrary<Json>): fc.Arbitrary<Buffer> =>
  fc.tuple(message, fc.boolean()).map(([json, wide]) => Buffer.from(wide ? JSON.stringify(json, undefined, ' ') : JSON.stringify(json)));
const read = (bytes: Uint8Array): Json => JSON.parse(Buffer.from(bytes).toString()) as Json;
const isObject = (json: unknown): json is Json => typeof json === 'object' && json !== null && !Array.isArray(json);
const without = (json: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(json).filter(([name]) => !names.includes(name)));

test('a request means the same to its server, with what its client is, and nothing that the client wrote in its place', () => {
  const meta = objectOf({ [VERSION]: value, [CAPABILITIES]: value, [INFO]: value, [LEVEL]: value, progressToken: fc.nat() });
  const params = objectOf({
    _meta: fc.oneof(meta, fc.constant(null)),
    task: value,
    name: fc.string(),
    inputResponses: value,
    requestState: value,
  });
  const message = fc.record(
    { jsonrpc: fc.constant('2.0'), id: fc.nat(), method: fc.constant('m'), params },
    { requiredKeys: ['jsonrpc', 'id', 'method'] },
  );
  fc.assert(
    fc.property(written(message), fc.boolean(), fc.boolean(), (bytes, logs, again) => {
      const before = read(bytes);
      const given = (before['params'] ?? {}) as Json;
      const said = isObject(given['_meta']) ? given['_meta'] : {};
      const more = again ? '"inputResponses":{"k":1},"requestState":"s"' : undefined;
      const wrapped = clientMeta.wrap(bytes, outlineOf(bytes, CLIENT_DEPTH)!, {
        ...{ id: 77, logLevel: logs ? ('error' as const) : undefined },
        ...(more === undefined ? {} : { more }),
      });
      assert.deepEqual(read(wrapped), {
        ...before,
        id: 77,
        params: {
          ...without(given, '_meta', 'task', 'inputResponses', 'requestState'),
          ...(again ? { inputResponses: { k: 1 }, requestState: 's' } : {}),
          _meta: {
            ...without(said, VERSION, CAPABILITIES, INFO, LEVEL),
            ...OWN,
            ...(logs ? { [LEVEL]: 'error' } : {}),
            ...('progressToken' in said ? { progressToken: 77 } : {}),
          },
        },
      });
    }),
    { numRuns: 500 },
  );
});

test('a result means the same to its client, without what is said of results in the stateless era', () => {
  const meta = objectOf({ [SERVER]: value, k: value });
  const result = objectOf({
    resultType: fc.constant('complete'),
    ttlMs: fc.nat(),
    cacheScope: fc.constant('public'),
    _meta: fc.oneof(meta, fc.constant(7)),
  });
  const message = fc.record({ jsonrpc: fc.constant('2.0'), id: fc.nat(), result });
  fc.assert(
    fc.property(written(message), (bytes) => {
      const { result: before } = read(bytes) as { result: Json };
      const edits = legacyResult(bytes, outlineOf(bytes, SERVER_DEPTH)!.inside.get('result')!, 'prompts/get');
      const said = before['_meta'];
      const left = isObject(said) ? without(said, SERVER) : said;
      const kept = isObject(said) && SERVER in said && Object.keys(said).length === 1 ? {} : '_meta' in before ? { _meta: left } : {};
      assert.deepEqual(read(splice(bytes, edits))['result'], { ...without(before, 'resultType', 'ttlMs', 'cacheScope', '_meta'), ...kept });
    }),
    { numRuns: 500 },
  );
});

test('an error changes its code at most', () => {
  const error = objectOf({ code: fc.oneof(fc.integer({ min: -32_110, max: -32_000 }), value), message: fc.string(), data: value });
  fc.assert(
    fc.property(written(fc.record({ error })), (bytes) => {
      const { error: before } = read(bytes) as { error: Json };
      const code = before['code'];
      const reserved = typeof code === 'number' && code >= -32_099 && code <= -32_020 && code !== -32_042;
      const after = read(splice(bytes, legacyError(bytes, outlineOf(bytes, SERVER_DEPTH)!.inside.get('error'))))['error'];
      assert.deepEqual(after, reserved ? { ...before, code: -32603 } : before);
    }),
    { numRuns: 500 },
  );
});

test('a token that is none stays none, and is none of ours', () => {
  const bytes = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":null}}}');
  const wrapped = read(clientMeta.wrap(bytes, outlineOf(bytes, CLIENT_DEPTH)!, { id: 77 }));
  assert.equal((wrapped as { params: { _meta: Json } }).params._meta['progressToken'], null);
});
