import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { masked } from '../src/index.ts';
import { faultsOf, folder, load } from './loading.ts';

const servers = (written: string): readonly string[] => load({ value: { nats: { url: written } } }).config.nats!.servers;

test('a NATS server is nats://, tls://, or a host', () => {
  for (const good of [
    ...['nats://h', 'nats://h:4222', 'tls://h.example:4222', 'h', 'h_1:4222', '10.0.0.1:80', '[::1]:4222', 'nats://[::1]'],
    ...['nats://u:p%40@h:4222', 'nats://token@h/', 'nats://auto'],
  ])
    assert.deepEqual(servers(`${good}, b`), [good, 'b']);
  for (const bad of ['foo://x', 'ws://h', 'wss://h', 'http://h:4222', 'nats://', 'h:99999', 'a b', 'h/x', '::1', 'nats://h?tls=1'])
    assert.deepEqual(faultsOf({ value: { nats: bad } }), [
      `options  nats.servers[0]: not a NATS server: ${JSON.stringify(bad)} (nats://host:4222, tls://host:4222, host:4222, or auto)`,
    ]);
});

test('a password with a per cent sign of its own is told how it is written', () => {
  const told = 'what stands before the @ of a NATS server is written as in a URL: a "%" of its own is "%25"';
  for (const written of ['nats://u:50%zz@h', 'u:50%@h:4222', 'nats://%E0%A4%A@h'])
    assert.deepEqual(faultsOf({ value: { nats: written } }), [`options  nats.servers[0]: ${told}`]);
  assert.deepEqual(servers('nats://u:50%25@h'), ['nats://u:50%25@h']);
});

test('a mistake in a NATS server is told at once, where it was made, and without its password', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'nats: { url: foo://x }\n',
    'list.yaml': 'nats: { servers: [nats://a, "foo://u:S3CRET@x"] }\n',
    'both.yaml': 'nats: { url: nats://a, servers: [nats://b] }\n',
  });
  const form = '(nats://host:4222, tls://host:4222, host:4222, or auto)';
  assert.deepEqual(faultsOf({ cwd }), [`causeway.yaml:1:7  nats.servers[0]: not a NATS server: "foo://x" ${form}`]);
  assert.deepEqual(faultsOf({ cwd, file: 'list.yaml' }), [
    `list.yaml:1:29  nats.servers[1]: not a NATS server: "foo://********@x" ${form}`,
  ]);
  assert.deepEqual(faultsOf({ cwd, file: 'both.yaml' }), [
    'both.yaml:1:14  nats.url: url and servers are the same setting: write one of them',
  ]);
  assert.deepEqual(faultsOf({ cwd: import.meta.dirname, env: { CAUSEWAY_NATS_URL: 'ws://h' } }), [
    `CAUSEWAY_NATS_URL  not a NATS server: "ws://h" ${form}`,
  ]);
});

test('what stands before the host of a NATS server is shown nowhere, whatever is in it', () => {
  for (const [written, shown] of [
    ['nats://u:S3CRET@h:4222', 'nats://********@h:4222'],
    ['tls://S3CRET@h', 'tls://********@h'],
    ['u:S3CRET@h:4222', '********@h:4222'],
    ['nats://u:S3/CR@ET@h', 'nats://********@h'],
    ['u:S3//CRET@h', '********@h'],
    ['nats://u:S3 CRET@h', 'nats://********@h'],
    ['nats://h:4222', 'nats://h:4222'],
    ['h', 'h'],
  ] as const)
    assert.equal(masked(written), shown);
});

test('auto is a server that a process starts for itself: alone, with nothing to log in with, in one copy', () => {
  const cwd = import.meta.dirname;
  const auto = { path: 'nats.servers', value: ['auto'], origin: '--nats' };
  assert.deepEqual(load({ cwd, overrides: [auto] }).config.nats?.servers, ['auto']);
  assert.deepEqual(faultsOf({ cwd, overrides: [{ ...auto, value: ['auto', 'localhost'] }] }), [
    '--nats  nats.servers: auto is one server, and stands alone',
  ]);
  for (const more of [{ token: 'a' }, { tls: {} }, { replicas: 3 }])
    assert.match(
      faultsOf({ cwd, value: { nats: { url: 'auto', ...more } } })[0]!,
      /with auto there is nothing to log in with, no TLS, and one copy of everything/,
    );
});

test('where only a variable asks for NATS, it is named as what lacks the servers', (context) => {
  const text = 'nats.servers: is required (an array)';
  const told = `CAUSEWAY_NATS_NKEY_FILE  ${text}; CAUSEWAY_NATS_URL sets it`;
  const env = { CAUSEWAY_NATS_NKEY_FILE: '/keys/edge/nkey' };
  assert.deepEqual(faultsOf({ value: {}, env }), [told]);
  const cwd = folder(context, { 'causeway.yaml': 'log: { level: info }\n', 'nats.yaml': 'log: {}\nnats: { prefix: a }\n' });
  assert.deepEqual(faultsOf({ cwd, env }), [told]);
  assert.deepEqual(faultsOf({ cwd, env, file: 'nats.yaml' }), [`nats.yaml:2:7  ${text}`]);
});

test('files to log in with, named in a file, are found from its directory; named by a variable, from where it is started', (context) => {
  const cwd = folder(context, {
    'etc/a.yaml': 'nats: { url: h, nkeyFile: keys/nkey }\n',
    'etc/b.yaml': 'nats: { url: h, credsFile: /run/creds }\n',
  });
  assert.equal(load({ cwd, file: 'etc/a.yaml' }).config.nats!.nkeyFile, join(cwd, 'etc/keys/nkey'));
  assert.equal(load({ cwd, file: 'etc/b.yaml' }).config.nats!.credsFile, '/run/creds');
  const env = { CAUSEWAY_NATS_NKEY_FILE: 'keys/nkey' };
  assert.equal(load({ cwd, file: 'etc/a.yaml', env }).config.nats!.nkeyFile, 'keys/nkey');
});
