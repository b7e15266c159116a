import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeConfig, jsonSchema, type Loaded } from '../src/index.ts';
import { setIn, settingPaths } from '../src/settings.ts';
import { folder, load } from './loading.ts';

type Json = Readonly<Record<string, unknown>>;

/** As `causeway config print` writes it. */
function printed(loaded: Loaded): string {
  const root = Object.create(null) as Record<string, unknown>;
  for (const { keys, value } of describeConfig(loaded)) setIn(root, keys, value);
  return JSON.stringify(root);
}

const millis = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.constantFrom(1, 30_000, 90_000, 1_800_000, 86_400_000));
const time = millis.map((ms) => `${ms}ms`);
const timeOr0 = fc.oneof(time, fc.constant(0));
const count = fc.integer({ min: 1, max: 1_000_000 });
const size = fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.constant('4MiB'));
const word = fc.oneof(fc.stringMatching(/^[a-z $"\\{}-]{1,12}$/), fc.constantFrom('${HOME}', '$${A:-b}', '$', '30'));
const literal = word.map((text) => text.replaceAll('${', () => '$${'));
const path = (end: string): fc.Arbitrary<string> => fc.stringMatching(/^\/[a-z]{1,8}$/).map((start) => `${start}/${end}`);
const origin = fc.constantFrom('*', 'null', 'https://a.example:8443', '/^https:\\/\\/\\S+$/');
const port = fc.oneof(fc.constant(false), fc.integer({ min: 0, max: 65_535 }));
const token = fc.stringMatching(/^[a-z]{1,8}$/);

/** What may stand at each setting that is no switch and no choice; secrets, which are masked, are left out. */
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'listen.host': fc.constant('localhost'),
  'listen.port': fc.integer({ min: 0, max: 65_535 }),
  'listen.tls.certFile': literal,
  'listen.tls.keyFile': literal,
  'listen.tls.clientCaFile': literal,
  'diagnostics.host': fc.constant('::1'),
  'diagnostics.port': port,
  'diagnostics.tools': fc.nat(300),
  'admin.host': fc.constant('127.0.0.2'),
  'admin.port': port,
  'http.baseUrl': fc.webUrl(),
  'http.allowedHosts': fc.array(fc.constantFrom('*', 'a.example', '[::1]:80')),
  'http.allowedOrigins': fc.array(origin),
  'http.cors': fc.oneof(fc.constant(false), fc.record({ origins: fc.array(origin), headers: fc.array(token) })),
  'http.maxBody': size,
  'http.maxConnections': count,
  'http.headers': fc.dictionary(token, token),
  'http.healthPaths': fc.array(path('health')),
  'http.paths.mcp': path('m'),
  'http.paths.sse': path('s'),
  'http.paths.message': path('posts'),
  'auth.identityHeader': token,
  'auth.identityProxies': fc.array(fc.constantFrom('10.0.0.0/8', '::1')),
  'auth.jwt.issuer': fc.constantFrom('https://idp.example', 'http://127.0.0.1:8080/realm'),
  'auth.jwt.audience': fc.oneof(literal, fc.array(literal, { minLength: 1 })),
  'auth.jwt.jwks': fc.constant('https://idp.example/keys'),
  'auth.jwt.scopes': fc.array(token),
  'auth.jwt.serverScopes': fc.dictionary(token, fc.array(token)),
  'auth.jwt.algorithms': fc.subarray(['RS256', 'ES256', 'EdDSA'], { minLength: 1 }),
  'auth.jwt.type': fc.constant('at+jwt'),
  'nats.servers': fc.array(fc.constantFrom('nats://a:4222', 'tls://b'), { minLength: 1 }),
  'nats.prefix': token,
  'nats.credsFile': literal,
  'nats.tls.caFile': literal,
  'nats.tls.certFile': literal,
  'nats.tls.keyFile': literal,
  'nats.replicas': fc.integer({ min: 1, max: 5 }),
  'limits.sessions': count,
  'limits.sessionsPerIdentity': count,
  'limits.callsPerSession': count,
  'limits.callsPerIdentity': count,
  'worker.grace': timeOr0,
  'worker.capacity': count,
  'worker.spawnConcurrency': count,
  'worker.spawnQueue': count,
  'worker.lineBytes': size,
  'worker.stdinBytes': size,
  'worker.stdinFrames': count,
  'streams.heartbeat': time,
  'streams.journalFrames': count,
  'streams.journalBytes': size,
  'streams.journalAge': timeOr0,
  'streams.workerJournalBytes': size,
  'streams.creditFrames': fc.integer({ min: 32, max: 4096 }),
  'streams.creditBytes': fc.constantFrom('1MiB', 524_288),
  'streams.retry': timeOr0,
  'streams.maxMessage': size,
  'drain.timeout': timeOr0,
  'drain.delay': timeOr0,
  'servers.*.command': literal,
  'servers.*.args': fc.array(literal),
  'servers.*.passEnvironment': fc.oneof(fc.boolean(), fc.array(token)),
  'servers.*.cwd': fc.constant('/tmp'),
  'servers.*.startTimeout': time,
  'servers.*.requestTimeout': time,
  'servers.*.idle': time,
  'servers.*.age': time,
  'servers.*.limits.sessions': count,
  'servers.*.path': path('own').map((text) => `/of${text}`),
  'servers.*.warm': fc.nat(9),
  'servers.*.pool.max': fc.integer({ min: 2, max: 99 }),
  'servers.*.pool.idle': timeOr0,
  'servers.*.pool.parked': time,
};
/** Masked, or read into what is. */
const SECRET = ['auth.apiKeys', 'admin.token', 'nats.user', 'nats.password', 'nats.token', 'nats.nkeyFile'];
const SECRET_OF_SERVER = ['servers.*.env', 'servers.*.envFile'];

/** Paths of a server's settings, with the values of those that are switches or choices. */
function leaves(properties: Json, base: string): [string, fc.Arbitrary<unknown> | undefined][] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const schema = value as Json;
    const at = `${base}.${key}`;
    if (schema['properties'] !== undefined) return leaves(schema['properties'] as Json, at);
    const choices = schema['enum'] as string[] | undefined;
    return [[at, choices !== undefined ? fc.constantFrom(...choices) : schema['type'] === 'boolean' ? fc.boolean() : undefined]];
  });
}

test('what is printed can be read again, and is the same', (context) => {
  const { properties } = jsonSchema() as { properties: Record<string, Json> };
  const ofServer = leaves((properties['servers']!['additionalProperties'] as Json)['properties'] as Json, 'servers.*');
  const known = new Map([
    ...leaves({ log: properties['log'], auth: properties['auth'] }, '').map(([at, value]) => [at.slice(1), value] as const),
    ...ofServer,
  ]);
  const paths = [...settingPaths(), ...ofServer.map(([at]) => at)].filter((at) => ![...SECRET, ...SECRET_OF_SERVER].includes(at));
  const values = Object.fromEntries(
    paths.map((at) => {
      const value = VALUES[at] ?? known.get(at);
      assert(value, `${at} has no values here`);
      return [at, value];
    }),
  );
  const cwd = folder(context, {});
  const loadText = (text: string): Loaded => {
    writeFileSync(join(cwd, 'c.json'), text);
    return load({ cwd, file: 'c.json' });
  };
  // What stands in pairs is there from the start.
  const tls = { certFile: 'c', keyFile: 'k' };
  const jwt = { issuer: 'https://idp.example', audience: ['a'] };
  const servers = { servers: { a: { command: 'x' } }, listen: { tls }, nats: { servers: ['nats://a'], tls: { ...tls } }, auth: { jwt } };
  fc.assert(
    fc.property(fc.record(values, { requiredKeys: [] }), (chosen) => {
      const value = structuredClone(servers) as Record<string, unknown>;
      for (const [at, one] of Object.entries(chosen)) setIn(value, at.replace('*', 'a').split('.'), one);
      const loaded = loadText(JSON.stringify(value));
      const again = loadText(printed(loaded));
      assert.deepEqual(again.config, loaded.config);
      assert.equal(printed(again), printed(loaded));
    }),
    { numRuns: 200 },
  );
});

test('a time is printed with its unit, and text so that it stays text', (context) => {
  const cwd = folder(context, {
    'c.yaml': 'servers: { a: { command: x, args: ["$${A}", "$$${B}"], idle: 90, pool: { parked: 1.5s } } }\n',
  });
  const { drain, servers } = JSON.parse(printed(load({ cwd, file: 'c.yaml' }))) as Record<string, Record<string, Json>>;
  assert.deepEqual(drain, { timeout: '30s', delay: '0s' });
  const { args, idle, age, requestTimeout, pool } = servers!['a']!;
  assert.deepEqual([args, idle, age, requestTimeout], [['$${A}', '$$${B}'], '90s', '24h', '5m']);
  assert.deepEqual(pool, { max: 16, idle: '5m', parked: '1500ms' });
});
