import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configReference } from '@causeway/config';
import { childEnvironment } from '../../src/child/environment.ts';
import { start } from './support.ts';

const source = {
  HOME: '/home/a',
  PATH: '/bin',
  USER: 'a',
  LANG: 'C.UTF-8',
  TERM: '() { evil; }',
  SECRET: 's',
  NATS_URL: 'nats://user:password@host',
  CAUSEWAY_KEY: 'k',
  'BASH_FUNC_x%%': '() { evil; }',
  TOKEN: 't',
};
const mark = 'w/s/1@1.2.3;';

test('by default only the base list is passed on, without shell functions', () => {
  assert.deepEqual(
    { ...childEnvironment({ source, configured: {}, mark }) },
    { HOME: '/home/a', PATH: '/bin', USER: 'a', LANG: 'C.UTF-8', CAUSEWAY_CHILD: mark },
  );
});

test('the reference names every variable that a child may see by itself', () => {
  const all = { ...source, LOGNAME: 'a', SHELL: '/bin/sh', TERM: 'dumb', TMPDIR: '/tmp' };
  const row = configReference()
    .flatMap(({ rows }) => rows)
    .find(({ path }) => path === 'servers.NAME.env');
  const named = row!.text.match(/\b[A-Z_]{4,}\b/g)!;
  assert.deepEqual(named.toSorted(), Object.keys(childEnvironment({ source: all, configured: {}, mark })).toSorted());
});

test('all is passed on when asked for, except our own variables and shell functions', () => {
  const all = childEnvironment({ source, pass: true, configured: {}, mark });
  assert.deepEqual(Object.keys(all).toSorted(), ['CAUSEWAY_CHILD', 'HOME', 'LANG', 'PATH', 'SECRET', 'TOKEN', 'USER']);
});

test('named variables are passed on, except our own', () => {
  const some = childEnvironment({ source, pass: ['TOKEN', 'NATS_URL', 'CAUSEWAY_KEY', 'ABSENT'], configured: {}, mark });
  assert.deepEqual(Object.keys(some).toSorted(), ['CAUSEWAY_CHILD', 'HOME', 'LANG', 'PATH', 'TOKEN', 'USER']);
});

test('no variable that Causeway itself is set by is passed on, whatever its name', () => {
  // Pinned: what a peer's setup leaves in the environment counts as ours too.
  const ours = {
    MCP_PROXY_API_KEY: 'k',
    mcp_proxy_api_key: 'k',
    MCP_PROXY_HOST: 'h',
    MCP_PROXY_PORT: '1',
  };
  const documented = configReference().flatMap(({ rows }) => rows.flatMap(({ variables }) => variables));
  assert(documented.includes('MCP_PROXY_API_KEY') && documented.includes('CAUSEWAY_ADMIN_TOKEN'));
  const names = [...Object.keys(ours), ...documented];
  const own = { ...source, ...Object.fromEntries(names.map((name) => [name, 'v'])) };
  for (const pass of [true, names]) {
    const made = childEnvironment({ source: own, pass, configured: { MCP_PROXY_HOST: 'h' }, mark });
    const passed = new Set(names.filter((name) => name in made));
    assert.deepEqual(passed, new Set(['MCP_PROXY_HOST', 'LOG_LEVEL', 'LOG_FORMAT']), 'what sets a log is everybody’s');
    assert.equal(made['MCP_PROXY_HOST'], 'h', 'what is configured for the server is its own');
  }
});

test('configured variables win over inherited ones but never over the mark', () => {
  const made = childEnvironment({ source, configured: { HOME: '/other', ['__proto__']: 'x', CAUSEWAY_CHILD: 'forged' }, mark });
  assert.equal(made['HOME'], '/other');
  assert.equal(made['CAUSEWAY_CHILD'], mark);
});

test('a real child sees exactly its environment', async (t) => {
  const witness = await start(t, ['environment'], { command: { env: { CONFIGURED: 'yes', HOME: '/elsewhere' } }, deps: { mark } });
  await new Promise((resolve) => witness.once('line', resolve));
  const expected: Record<string, string> = { CONFIGURED: 'yes', CAUSEWAY_CHILD: mark };
  for (const name of ['LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'LANG', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) expected[name] = value;
  }
  assert.deepEqual(JSON.parse(witness.lines[0] ?? ''), { ...expected, HOME: '/elsewhere' });
});
