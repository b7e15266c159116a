import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ConfigError, formatFault, loadConfig, type LoadInput } from '../src/index.ts';

function faultsOf(input: Pick<LoadInput, 'cwd'> & Partial<LoadInput>): string[] {
  try {
    loadConfig({ env: {}, ...input });
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.faults.map(formatFault);
  }
  assert.fail('it should not load');
}

function folder(context: TestContext, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-config-'));
  context.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

test('a mistake in a secret shows its kind, never the secret', (context) => {
  const cwd = folder(context, {
    'a.yaml': `auth: { apiKeys: [CANARY-shortkey] }
admin: { token: 12345678 }
nats: { servers: { url: CANARY }, user: u, password: 12345678, token: [CANARY], credsFile: true }
servers:
  a: { command: x, env: { TOKEN: [CANARY], KEY: null, "A=CANARY": x } }
  b: { command: x, env: TOKEN=CANARY }
`,
    'b.yaml': 'auth: CANARY\nadmin: CANARY\nnats: 12345678\n',
    'c.yaml': 'auth: { apiKeys: CANARY-key, anonymousBy: adress, identityProxies: [CANARY], identityHeader: 7 }\nnats: { url: 12345678 }\n',
    'd.yaml': 'auth: { apiKeys: { team: CANARY } }\nnats: { servers: [12345678] }\n',
    'e.json': '{"mcpServers":{"git":{"command":"x","env":"TOKEN=CANARY"},"s":{"command":"x","env":{"TOKEN":["CANARY"]}}}}',
  });
  assert.deepEqual(faultsOf({ cwd, file: 'a.yaml' }), [
    'a.yaml:1:19  auth.apiKeys[0]: expected { id, key } or { id, sha256 }, got a string of 15 characters',
    'a.yaml:2:17  admin.token: expected text, got a number',
    'a.yaml:3:18  nats.servers: expected an array, got an object',
    'a.yaml:3:54  nats.password: expected text, got a number',
    'a.yaml:3:71  nats.token: expected text, got a list',
    'a.yaml:3:92  nats.credsFile: expected text, got a boolean',
    'a.yaml:5:25  servers.a.env: one of its keys is not a variable name',
    'a.yaml:5:34  servers.a.env.TOKEN: expected text, got a list',
    'a.yaml:5:49  servers.a.env.KEY: expected text, got nothing',
    'a.yaml:6:25  servers.b.env: expected an object, got a string of 12 characters',
  ]);
  assert.deepEqual(
    faultsOf({ cwd, file: 'c.yaml' })[1],
    'c.yaml:1:43  auth.anonymousBy: expected one of none, address, got a string of 6 characters (did you mean address?)',
  );
  for (const file of ['b.yaml', 'c.yaml', 'd.yaml', 'e.json'])
    assert.doesNotMatch(faultsOf({ cwd, file }).join('\n'), /CANARY|12345678/, file);
  const overrides = [
    { path: 'nats.password', value: 12345678, origin: '--password' },
    { path: 'servers.*.env', value: { TOKEN: ['CANARY'] }, origin: '-e' },
  ];
  assert.deepEqual(faultsOf({ cwd: tmpdir(), overrides }), ['--password  expected text, got a number', '-e  expected text, got a list']);
});

test('what the YAML parser quotes of a broken file is left out', (context) => {
  for (const value of ['*CANARY', '|CANARY', '>CANARY', '!h!CANARY x', '"\\uCANARY"', '%CANARY']) {
    const broken = folder(context, { 'y.yaml': `nats:\n  password: ${value}\n` });
    assert.match(faultsOf({ cwd: broken, file: 'y.yaml' })[0]!, /^y\.yaml:\d:\d+ {2}not valid YAML: (?!.*CANA)[A-Z].{8}/, value);
  }
});

test('what an expression brings is shown by its kind: it was kept out of the file', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'servers: { a: { command: x, args: "--token ${TOK}" }, b: { command: x, args: "--token x" } }\n',
  });
  assert.deepEqual(faultsOf({ cwd, env: { TOK: 'CANARY' } }), [
    'causeway.yaml:1:35  servers.a.args: expected an array, got a string of 14 characters',
    'causeway.yaml:1:78  servers.b.args: expected an array, got "--token x"',
  ]);
});
