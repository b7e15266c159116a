import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, folder, load } from './loading.ts';

test('a path of its own is told apart from every other server, and from what the bridge answers itself', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `servers:
  mem: { command: x, path: /x }
  ev: { command: x, path: /x/ }
  seq: { command: x, path: /servers/ev }
  all: { command: x, path: /servers }
  fs: { command: x, path: /readyz }
  root: { command: x, path: / }
  mcp: { command: x, path: /mcp }
  ok: { command: x, path: /tools/ok/ }
  within: { command: x, path: /tools/ok/mcp }
`,
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:3:27  servers.ev.path: /x is taken by servers.mem (causeway.yaml:2:28)',
    'causeway.yaml:4:28  servers.seq.path: /servers/ev is taken: below /servers every server stands under its name',
    'causeway.yaml:5:28  servers.all.path: /servers is taken: below /servers every server stands under its name',
    'causeway.yaml:6:27  servers.fs.path: /readyz is answered by the bridge itself',
    'causeway.yaml:7:29  servers.root.path: / is answered by the bridge itself',
    'causeway.yaml:8:28  servers.mcp.path: /mcp is answered by the bridge itself',
  ]);
});

test('a path of its own does not meet one that is set elsewhere', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `http:
  healthPaths: [/up, /git/sse, /servers/git/mcp]
  paths: { mcp: /time/mcp, sse: /servers/x/sse, message: /main/message }
servers:
  up: { command: x, path: /up }
  git: { command: x, path: /git }
  time: { command: x, path: /time }
  main: { command: x, path: /main, default: true }
`,
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:2:32  http.healthPaths[2]: /servers/git/mcp is taken: below /servers every server stands under its name',
    'causeway.yaml:3:33  http.paths.sse: /servers/x/sse is taken: below /servers every server stands under its name',
    'causeway.yaml:5:27  servers.up.path: /up is taken by http.healthPaths (causeway.yaml:2:17)',
    'causeway.yaml:6:28  servers.git.path: /git/sse is taken by http.healthPaths (causeway.yaml:2:22)',
    'causeway.yaml:7:29  servers.time.path: /time/mcp is taken by http.paths.mcp (causeway.yaml:3:17)',
  ]);
});

test('a further path is neither one that the bridge answers with something else, nor another further one', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `http:
  healthPaths: [/mcp, /, /healthz, /up, /up]
  paths: { mcp: /up, sse: /readyz, message: /mcp/ }
`,
    'twice.yaml': 'http: { paths: { mcp: /a, sse: /a, message: /message } }\n',
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:2:17  http.healthPaths[0]: /mcp is answered by the bridge itself',
    'causeway.yaml:3:17  http.paths.mcp: /up is taken by http.healthPaths (causeway.yaml:2:36)',
    'causeway.yaml:3:27  http.paths.sse: /readyz is answered by the bridge itself',
    'causeway.yaml:3:45  http.paths.message: /mcp is answered by the bridge itself',
  ]);
  assert.deepEqual(faultsOf({ cwd, file: 'twice.yaml' }), [
    'twice.yaml:1:32  http.paths.sse: /a is taken by http.paths.mcp (twice.yaml:1:23)',
  ]);
});

test('what flags and options set is held against it too; what peers write for what there is anyway passes', (context) => {
  const cwd = folder(context, { 'causeway.yaml': 'servers: { a: { command: x, path: /a }, b: { command: x } }\n' });
  const flag = { path: 'http.healthPaths', value: ['/a'], origin: '--healthEndpoint' };
  assert.deepEqual(faultsOf({ cwd, overrides: [flag] }), [
    'causeway.yaml:1:35  servers.a.path: /a is taken by http.healthPaths (--healthEndpoint)',
  ]);
  assert.deepEqual(faultsOf({ cwd, overrides: [{ ...flag, value: ['/servers/a/mcp'] }] }), [
    '--healthEndpoint  http.healthPaths[0]: /servers/a/mcp is taken: below /servers every server stands under its name',
  ]);
  assert.deepEqual(faultsOf({ value: { servers: { a: { command: 'x', path: '/x' }, b: { command: 'x', path: '/x' } } } }), [
    'options  servers.b.path: /x is taken by servers.a (options)',
  ]);
  const overrides = [
    { ...flag, value: ['/healthz'] },
    { path: 'http.paths.mcp', value: '/mcp', origin: '--streamableHttpPath' },
    { path: 'http.paths.message', value: '/messages', origin: '--messagePath' },
  ];
  assert.equal(load({ cwd, overrides }).config.servers['a']!.path, '/a');
});

test('a slash at the end of a path says nothing', () => {
  assert.equal(load({ value: { servers: { a: { command: 'x', path: '/tools/a/' } } } }).config.servers['a']!.path, '/tools/a');
});
