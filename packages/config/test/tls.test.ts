/** Certificates, where clients connect and towards NATS: which files are meant, and what is said of half of a pair. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultsOf, folder, load } from './loading.ts';

test('certificate and key are set by file, variable and flag; without them there is no TLS', () => {
  assert.equal(load({ value: {} }).config.listen.tls, undefined);
  const env = { CAUSEWAY_TLS_CERT: 'c.pem', CAUSEWAY_TLS_KEY: 'k.pem', CAUSEWAY_TLS_CLIENT_CA: 'a.pem' };
  assert.deepEqual(load({ value: {}, env }).config.listen.tls, { certFile: 'c.pem', keyFile: 'k.pem', clientCaFile: 'a.pem' });
  const overrides = [{ path: 'listen.tls.keyFile', value: 'other.pem', origin: '--tls-key' }];
  const loaded = load({ value: { listen: { tls: { certFile: 'c.pem', keyFile: 'k.pem' } } }, overrides });
  assert.deepEqual(loaded.config.listen.tls, { certFile: 'c.pem', keyFile: 'other.pem' });
  assert.equal(loaded.origins.get('listen.tls.keyFile'), '--tls-key');
});

test('half of a pair is told by whoever gave it, or with its place', (context) => {
  const overrides = [
    { path: 'listen.port', value: '8443', origin: '--port' },
    { path: 'listen.tls.certFile', value: 'c.pem', origin: '--tls-cert' },
  ];
  const cwd = folder(context, {
    'half.yaml': 'listen:\n  tls: { certFile: c.pem }\n',
    'nats.yaml': 'nats:\n  url: tls://h\n  tls: { certFile: c.pem }\n',
  });
  assert.deepEqual(faultsOf({ cwd, overrides }), ['--tls-cert  listen.tls.keyFile: is required (text); CAUSEWAY_TLS_KEY sets it']);
  assert.deepEqual(faultsOf({ cwd, file: 'half.yaml' }), ['half.yaml:2:8  listen.tls.keyFile: is required (text)']);
  assert.deepEqual(faultsOf({ cwd, file: 'nats.yaml' }), ['nats.yaml:3:8  nats.tls.keyFile: certFile and keyFile go together']);
});

test('files named in a file are found from its directory; named by a variable, from where it is started', (context) => {
  const cwd = folder(context, {
    'etc/a.yaml':
      'listen: { tls: { certFile: tls/c.pem, keyFile: /run/k.pem, clientCaFile: a.pem } }\nnats: { url: h, tls: { caFile: a.pem } }\n',
  });
  const { listen, nats } = load({ cwd, file: 'etc/a.yaml' }).config;
  assert.deepEqual(listen.tls, { certFile: join(cwd, 'etc/tls/c.pem'), keyFile: '/run/k.pem', clientCaFile: join(cwd, 'etc/a.pem') });
  assert.deepEqual(nats!.tls, { caFile: join(cwd, 'etc/a.pem') });
  const env = { CAUSEWAY_NATS_TLS_CA_FILE: 'b.pem' };
  assert.deepEqual(load({ cwd, file: 'etc/a.yaml', env }).config.nats!.tls, { caFile: 'b.pem' });
});

test('who asks clients for a certificate needs no key; an http URL for clients is asked about', () => {
  const open = [{ path: 'listen.host', value: '0.0.0.0', origin: '--host' }];
  const tls = { certFile: 'c', keyFile: 'k' };
  const warnings = (value: unknown): readonly string[] => load({ value, overrides: open }).warnings;
  assert.match(warnings({ listen: { tls } })[0]!, /nobody is asked for a key/);
  assert.deepEqual(warnings({ listen: { tls: { ...tls, clientCaFile: 'a' } }, http: { baseUrl: 'https://a.example' } }), []);
  assert.deepEqual(warnings({ listen: { tls: { ...tls, clientCaFile: 'a' } }, http: { baseUrl: 'http://a.example' } }), [
    'TLS is on, and clients are sent to http://a.example: is https meant (http.baseUrl, --base-url)?',
  ]);
});
