import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverNameOf, splitCommand, toServerName } from '../src/index.ts';
import { defaultStartTimeout } from '../src/command-line.ts';
import { isServerName } from '../src/schema.ts';
import { nearest } from '../src/suggest.ts';
import { durationMs, isLoopback, parseAddress, sizeBytes } from '../src/units.ts';

test('durations', () => {
  const table: [string | number, number | undefined][] = [
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2min', 120_000],
    ['1d', 86_400_000],
    ['10', 10_000],
    [10, 10_000],
    [0, 0],
    ['0', 0],
    ['0s', 0],
    ['', undefined],
    ['30 apples', undefined],
    ['s', undefined],
    ['-5s', undefined],
    [-1, undefined],
    ['1y', undefined],
    ['90d', undefined],
    [Number.NaN, undefined],
    ['Infinity', undefined],
    ['5s x', undefined],
  ];
  for (const [text, ms] of table) assert.equal(durationMs(text), ms, String(text));
});

test('sizes', () => {
  for (const [text, bytes] of [
    ['10MiB', 10_485_760],
    ['64kB', 64_000],
    ['1.5Ki', 1_536],
    [4096, 4_096],
    ['4096', 4_096],
    ['1G', 1e9],
    ['ten', undefined],
    ['-1', undefined],
    ['1 MiBs', undefined],
    ['', undefined],
  ] as const)
    assert.equal(sizeBytes(text), bytes, String(text));
});

test('addresses', () => {
  for (const [text, address] of [
    ['0.0.0.0:8000', { host: '0.0.0.0', port: 8000 }],
    ['8000', { port: 8000 }],
    [8000, { port: 8000 }],
    [':8000', { port: 8000 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['::1', { host: '::1' }],
    ['host', { host: 'host' }],
    ['host:99999', undefined],
    ['a b', undefined],
    ['http://x:1', undefined],
    [70_000, undefined],
  ] as const)
    assert.deepEqual(parseAddress(text), address, String(text));
  assert.deepEqual(['127.0.0.1', '127.1.2.3', '::1', 'localhost', '0.0.0.0', '::', '127.0.0.1.example', '192.168.0.1'].map(isLoopback), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('a server is named after its package', () => {
  for (const [line, name] of [
    ['npx -y @modelcontextprotocol/server-everything', 'everything'],
    ['npx -y @modelcontextprotocol/server-filesystem@2025.1.1 /tmp', 'filesystem'],
    ['uvx mcp-server-git', 'git'],
    ['uvx --from git+https://x/y mcp-server-time --tz UTC', 'time'],
    ['npx --package foo -y bar-mcp', 'bar'],
    ['node ./build/index.js', 'index'],
    ['node /srv/weather/dist/index.js --x', 'weather'],
    ['python -m mcp_server_fetch', 'server_fetch'],
    ['python3 server.py', 'server'],
    ['docker run -i --rm -e TOKEN mcp/github', 'github'],
    ['/usr/local/bin/my-mcp-server --flag', 'my'],
    ['mcp-server-memory', 'memory'],
    ['npx', 'npx'],
  ] as const) {
    const [command, ...args] = splitCommand(line);
    const given = serverNameOf(command!, args);
    assert(isServerName(given));
    assert.equal(given, name, line);
  }
});

test('package runners get longer to start', () => {
  assert.deepEqual(
    ['npx', '/usr/bin/npx', 'uvx', 'docker', 'npx -y x', 'node', './run'].map(defaultStartTimeout),
    [120_000, 120_000, 120_000, 120_000, 120_000, 30_000, 30_000],
  );
});

test('names: what is allowed, and the nearest that is', () => {
  for (const name of ['a', 'A.b_c-9', 'x'.repeat(64), '__proto__']) assert(isServerName(name));
  for (const name of ['', '.', '..', 'a b', 'a/b', 'é', 'x'.repeat(65), 'a\n']) {
    assert(!isServerName(name), name);
    assert(isServerName(toServerName(name)), toServerName(name));
  }
});

test('nearest means what is near, and nothing else', () => {
  assert.equal(nearest('prot', ['port', 'host']), 'port');
  assert.equal(nearest('sesions', ['sessions', 'servers']), 'sessions');
  assert.equal(nearest('maxbody', ['maxBody']), 'maxBody');
  assert.equal(nearest('uvxx', ['npx', 'uvx', 'uv']), 'uvx');
  assert.equal(nearest('zebra', ['port', 'host']), undefined);
});
