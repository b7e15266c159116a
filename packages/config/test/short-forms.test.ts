import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, folder, load } from './loading.ts';

test('off, no, none and false switch a listener off, wherever they are written', (context) => {
  for (const word of ['off', 'OFF', 'no', 'none', 'false', '"false"']) {
    const cwd = folder(context, {
      'short.yaml': `admin: ${word}\ndiagnostics: ${word}\nhttp: { cors: ${word} }\n`,
      'long.yaml': `admin: { port: ${word} }\ndiagnostics: { host: 127.0.0.1, port: ${word} }\n`,
    });
    for (const file of ['short.yaml', 'long.yaml']) {
      const { admin, diagnostics, http } = load({ cwd, file }).config;
      assert.deepEqual([admin.port, diagnostics.port, http.cors], [false, false, false], `${file} ${word}`);
      assert.deepEqual([admin.host, diagnostics.host], ['127.0.0.1', '127.0.0.1']);
    }
    const env = { CAUSEWAY_CORS: word.replaceAll('"', ''), CAUSEWAY_ADMIN_PORT: word.replaceAll('"', '') };
    assert.deepEqual([load({ env, value: {} }).config.http.cors, load({ env, value: {} }).config.admin.port], [false, false]);
  }
});

test('on, yes and true are what a listener is without a word', (context) => {
  const silent = load({ cwd: folder(context, { 'causeway.yaml': 'http: { cors: true }\n' }) }).config;
  for (const word of ['on', 'Yes', 'true', '"true"']) {
    const cwd = folder(context, { 'causeway.yaml': `admin: ${word}\ndiagnostics: ${word}\nhttp: { cors: ${word} }\n` });
    const { admin, diagnostics, http } = load({ cwd }).config;
    assert.deepEqual([admin, diagnostics, http.cors], [silent.admin, silent.diagnostics, silent.http.cors], word);
    const env = { CAUSEWAY_CORS: word.replaceAll('"', '') };
    assert.deepEqual(load({ env, value: {} }).config.http.cors, silent.http.cors, `CAUSEWAY_CORS=${word}`);
  }
});

test('a number that is no port is told as one', (context) => {
  for (const [text, fault] of [
    ['listen: 70000', '1:9  listen.port: not a port: 70000 (0 to 65535; 0 is any free port)'],
    ['listen: -1', '1:9  listen.port: not a port: -1 (0 to 65535; 0 is any free port)'],
    ['listen: ":70000"', '1:9  listen.port: not a port: "70000" (0 to 65535; 0 is any free port)'],
    ['listen: localhost:70000', '1:9  listen.port: not a port: "70000" (0 to 65535; 0 is any free port)'],
    ['listen: { port: 70000 }', '1:17  listen.port: not a port: 70000 (0 to 65535; 0 is any free port)'],
    ['admin: 80.5', '1:8  admin.port: expected a port (0 to 65535) or false, got 80.5'],
    ['diagnostics: "[::1]:99999"', '1:14  diagnostics.port: expected a port (0 to 65535) or false, got "99999"'],
    ['diagnostics: { port: never }', '1:22  diagnostics.port: expected a port (0 to 65535) or false, got "never"'],
  ] as const) {
    const cwd = folder(context, { 'causeway.yaml': `${text}\n` });
    assert.deepEqual(faultsOf({ cwd }), [`causeway.yaml:${fault}`]);
  }
});
