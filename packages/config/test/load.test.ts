import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeConfig, type LoadInput } from '../src/index.ts';
import { faultsOf, FIXTURES, folder, load } from './loading.ts';

test('our own file: units, short forms, expansion, imports, defaults', () => {
  const { config, warnings, origins } = load({ file: 'causeway.yaml' });
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8123 });
  assert.deepEqual(config.diagnostics, { host: '127.0.0.1', port: 9464, tools: 0 });
  assert.deepEqual(config.nats, { servers: ['nats://a:4222', 'nats://b:4222'], prefix: 'cw' });
  assert.equal(config.http.maxBody, 10 * 1024 * 1024);
  assert.deepEqual(config.http.cors, { origins: ['https://app.example'], headers: [] });
  assert.equal(config.http.headers['X-Site'], 'none');
  assert.deepEqual(config.drain, { timeout: 90_000, delay: 0 });
  assert.deepEqual(config.auth.apiKeys, [{ id: 'team-a', sha256: createHash('sha256').update('s3cret=,key').digest('hex') }]);
  assert.deepEqual(Object.keys(config.servers).toSorted(), ['filesystem', 'git', 'main', 'time']);
  const { time, main, git } = config.servers;
  assert.deepEqual(time!.args, ['mcp-server-time', '-v', '3', '1.10', 'true']);
  assert.deepEqual({ ...time!.env }, { TZ: 'UTC', VERSION: '1.10' });
  assert.deepEqual(
    [time!.idle, time!.startTimeout, time!.requestTimeout, time!.path, time!.default],
    [90_000, 120_000, 300_000, '/time', false],
  );
  assert.deepEqual(
    [main!.shell, main!.default, main!.cwd, main!.startTimeout, main!.recovery],
    [true, true, join(FIXTURES, 'sub'), 5_000, 'end'],
  );
  assert.deepEqual(main!.passEnvironment, ['HOME', 'LANG']);
  assert.deepEqual({ ...git!.env }, { GIT_AUTHOR_NAME: 'nobody' });
  assert.deepEqual(warnings, ['./claude_desktop_config.json: ignored globalShortcut']);
  assert.equal(origins.get('listen.port'), 'causeway.yaml:2:9');
  assert.equal(origins.get('http.maxBody'), 'causeway.yaml:5:12');
  assert.equal(origins.get('log.level'), 'default');
});

test('everything is frozen', () => {
  const { config } = load({ file: 'causeway.yaml' });
  for (const part of [
    config,
    config.listen,
    config.http.headers,
    config.servers,
    config.servers['time']!.args,
    config.servers['time']!.env,
  ])
    assert(Object.isFrozen(part));
});

test('a single server is the default, and it is known whether that was written', () => {
  const defaultOf = (input: Parameters<typeof load>[0]): readonly unknown[] => {
    const loaded = load(input);
    const [server] = Object.values(loaded.config.servers);
    const told = describeConfig(loaded).find(({ path }) => path.endsWith('.default'))?.value;
    return [server!.default, server!.defaultImplied, told];
  };
  assert.deepEqual(defaultOf({ value: { servers: { a: { command: 'x' } } } }), [true, true, undefined]);
  assert.deepEqual(defaultOf({ value: { servers: { a: { command: 'x', default: true } } } }), [true, undefined, true]);
  const main = { command: 'x', args: [], default: true, origin: 'command line' };
  assert.deepEqual(defaultOf({ commands: [main] }), [true, true, undefined]);
  const other = { name: 'y', command: 'y', args: [], origin: '--server' };
  assert.deepEqual(defaultOf({ commands: [main, other] }), [true, undefined, true]);
});

test('the files of MCP clients load unmodified, and stay byte for byte as they were', () => {
  const before = new Map(readdirSync(FIXTURES).map((name) => [name, readFileSync(join(FIXTURES, name))]));
  const env = { HOME: '/home/u', CURSOR_KEY: 'ck', CAUSEWAY_INPUT_PERPLEXITY_KEY: 'pk' };
  const claude = load({ file: 'claude_desktop_config.json', env });
  assert.deepEqual(Object.keys(claude.config.servers), ['filesystem', 'git']);
  assert.deepEqual(claude.warnings, ['claude_desktop_config.json: ignored globalShortcut']);

  const cursor = load({ file: 'cursor.mcp.json', env });
  assert.deepEqual(cursor.config.servers['local']!.args, [`${FIXTURES}/server.js`, '--home', '/home/u']);
  assert.deepEqual({ ...cursor.config.servers['local']!.env }, { FROM_FILE: 'yes', API_KEY: 'ck' });
  assert.equal(cursor.config.servers['local']!.default, true);
  assert.deepEqual(cursor.warnings, [
    'cursor.mcp.json: skipped "hosted": it is a remote server (url); only stdio servers are served',
    'cursor.mcp.json: skipped "off": it is disabled in that file',
    'cursor.mcp.json: ignored local.autoApprove',
  ]);

  const vscode = load({ file: 'vscode.json', env });
  assert.deepEqual({ ...vscode.config.servers['perplexity']!.env }, { PERPLEXITY_API_KEY: 'pk' });
  assert.deepEqual(vscode.warnings, [
    'vscode.json: skipped "github": it is a remote server (url); only stdio servers are served',
    'vscode.json: ignored perplexity.dev, perplexity.sandboxEnabled',
  ]);

  const inspector = load({ file: 'inspector.json', env });
  assert.deepEqual(
    [inspector.config.servers['default-server']!.requestTimeout, inspector.config.servers['other']!.requestTimeout],
    [20_000, 60_000],
  );
  assert.deepEqual(inspector.warnings, ['inspector.json: other: timeout 60000 taken as milliseconds']);

  const named = load({ imports: ['mcp-proxy-named.json'], env });
  assert.deepEqual(Object.keys(named.config.servers), ['fetch', 'github']);

  const code = load({ file: 'claude-code.mcp.json', env });
  assert.deepEqual(
    [code.config.servers['shared']!.command, code.config.servers['shared']!.args[0], code.config.servers['shared']!.env['A']],
    ['/opt/bin/server', '--port=1234', '$HOME stays'],
  );

  for (const [name, bytes] of before) assert(readFileSync(join(FIXTURES, name)).equals(bytes), name);
  assert.equal(readdirSync(FIXTURES).length, before.size);
});

test('an unset variable names itself, its server and its place', () => {
  assert.deepEqual(faultsOf({ file: 'cursor.mcp.json' }), [
    'cursor.mcp.json:8:27  mcpServers.local.env.API_KEY: the variable CURSOR_KEY is not set (${CURSOR_KEY:-default} gives it a default)',
  ]);
  assert.match(
    faultsOf({ file: 'vscode.json' })[0]!,
    /^vscode\.json:10:38 {2}servers\.perplexity\.env\.PERPLEXITY_API_KEY: \$\{input:perplexity-key\} has no value: set CAUSEWAY_INPUT_PERPLEXITY_KEY$/,
  );
});

test('all mistakes are told at once, each with its place and the key that was meant', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `listen: { prot: 1 }
lisen: 3
limits: { sesions: 5 }
http:
  maxBody: lots
  cors: { orgins: [a] }
log: { level: wran }
streams: { heartbeat: soon }
auth: { apiKeys: [{ id: a }] }
servers:
  "bad name!": { command: x }
  git: { comand: uvx, args: uvx, idel: 3, env: { A: [1] }, recovery: maybe }
  time: { command: "\${NOPE}" }
`,
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:1:11  listen.prot: unknown key (did you mean port?)',
    'causeway.yaml:2:1  lisen: unknown key (did you mean listen?)',
    'causeway.yaml:3:11  limits.sesions: unknown key (did you mean sessions?)',
    'causeway.yaml:5:12  http.maxBody: not a size: "lots" (4MiB, 64kB, or bytes)',
    'causeway.yaml:6:11  http.cors.orgins: unknown key (did you mean origins?)',
    'causeway.yaml:7:15  log.level: expected one of trace, debug, info, warn, error, silent, got "wran" (did you mean warn?)',
    'causeway.yaml:8:23  streams.heartbeat: not a duration: "soon" (30s, 5m, 1h30m, 250ms, or seconds; at most 24d)',
    'causeway.yaml:9:19  auth.apiKeys[0].key: is required (text)',
    'causeway.yaml:11:3  servers["bad name!"]: not a server name: letters, digits, dot, underscore, hyphen, up to 64 (did you mean "bad-name"?)',
    'causeway.yaml:12:8  servers.git.command: is required (text)',
    'causeway.yaml:12:10  servers.git.comand: unknown key (did you mean command?)',
    'causeway.yaml:12:29  servers.git.args: expected an array, got "uvx"',
    'causeway.yaml:12:34  servers.git.idel: unknown key (did you mean idle?)',
    'causeway.yaml:12:53  servers.git.env.A: expected text, got a list',
    'causeway.yaml:12:70  servers.git.recovery: expected one of restart, end, got "maybe"',
    'causeway.yaml:13:20  servers.time.command: the variable NOPE is not set (${NOPE:-default} gives it a default)',
  ]);
});

test('flag over variable over file over default, and where each came from', () => {
  const env = {
    HOME: '/h',
    CAUSEWAY_PORT: '8200',
    CAUSEWAY_LOG_LEVEL: 'WARNING',
    LOG_LEVEL: 'debug',
    CAUSEWAY_STREAMS_HEARTBEAT: '3s',
    CAUSEWAY_IDLE: '2m',
    MCP_PROXY_API_KEY: 'a=b,c',
  };
  const overrides = [
    { path: 'listen.port', value: '8300', origin: '--port' },
    { path: 'servers.*.requestTimeout', value: '9s', origin: '--request-timeout' },
  ];
  const { config, origins } = load({ file: 'causeway.yaml', env, overrides });
  assert.equal(config.listen.port, 8300);
  assert.equal(origins.get('listen.port'), '--port');
  assert.equal(config.listen.host, '127.0.0.1');
  assert.deepEqual([config.log.level, origins.get('log.level')], ['warn', 'CAUSEWAY_LOG_LEVEL']);
  assert.deepEqual([config.streams.heartbeat, origins.get('streams.heartbeat')], [3_000, 'CAUSEWAY_STREAMS_HEARTBEAT']);
  assert.deepEqual([config.servers['time']!.idle, config.servers['time']!.requestTimeout], [120_000, 9_000]);
  assert.deepEqual(config.auth.apiKeys, [{ id: 'key-1', sha256: createHash('sha256').update('a=b,c').digest('hex') }]);
  assert.equal(load({ file: 'causeway.yaml', env: { CAUSEWAY_PORT: '8200', HOME: '/h' } }).config.listen.port, 8200);
});

test("a server's settings say where each came from, and what nobody has said is a default", (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'import: [m.json]\nservers:\n  git:\n    command: x\n    idle: 5m\n    env: { A: b }\n',
    'm.json': '{"mcpServers":{"im":{"command":"y","env":{"A":"b"}}}}',
  });
  const told = (input: Partial<LoadInput>): Record<string, string> =>
    Object.fromEntries(describeConfig(load({ cwd, ...input })).map(({ path, origin }) => [path, origin]));
  const overrides = [
    { path: 'servers.*.startTimeout', value: '4s', origin: '--start-timeout' },
    { path: 'servers.*.env', value: { X: 'y' }, origin: '--env' },
  ];
  const commands = [{ name: 'own', command: 'z', args: [], origin: 'command line' }];
  const alone = told({ overrides });
  assert.equal(alone['servers.git.command'], 'causeway.yaml:4:14');
  assert.equal(alone['servers.git.idle'], 'causeway.yaml:5:11');
  assert.equal(alone['servers.git.requestTimeout'], 'default');
  assert.equal(alone['servers.git.startTimeout'], '--start-timeout');
  assert.equal(alone['servers.git.env'], 'causeway.yaml:6:10, --env');
  assert.equal(alone['servers.im.command'], 'm.json:1:32');
  assert.equal(alone['servers.im.idle'], 'default');
  const beside = told({ file: 'causeway.yaml', overrides, commands });
  // What a command line says of its child is that child's.
  assert.equal(beside['servers.git.env'], 'causeway.yaml:6:10');
  assert.equal(beside['servers.own.env'], '--env');
  assert.equal(beside['servers.own.command'], 'command line');
  assert.equal(beside['servers.own.idle'], 'default');
});

test('a file of variables that cannot be read is named, and so is who has said it', (context) => {
  const cwd = folder(context, { 'causeway.yaml': 'servers: { a: { command: x, envFile: ./gone.env } }\n' });
  assert.deepEqual(faultsOf({ cwd }), ['causeway.yaml:1:38  servers.a.envFile: ./gone.env: no such file']);
  const overrides = [{ path: 'servers.*.envFile', value: '/gone.env', origin: '--env-file' }];
  const commands = [{ name: 'own', command: 'z', args: [], origin: 'command line' }];
  assert.deepEqual(faultsOf({ cwd: tmpdir(), overrides, commands }), ['--env-file  servers.own.envFile: /gone.env: no such file']);
});

test('a mistake in a variable or a flag names it', () => {
  assert.deepEqual(
    faultsOf({ env: { CAUSEWAY_PORT: 'http' }, overrides: [{ path: 'http.maxBody', value: 'big', origin: '--max-body' }] }),
    ['CAUSEWAY_PORT  not a port: "http" (0 to 65535; 0 is any free port)', '--max-body  not a size: "big" (4MiB, 64kB, or bytes)'],
  );
  assert.deepEqual(faultsOf({ cwd: tmpdir(), env: { CAUSEWAY_NATS_USER: 'u' } }), [
    'CAUSEWAY_NATS_USER  nats.servers: is required (an array); CAUSEWAY_NATS_URL sets it',
  ]);
});

test("a variable that was meant for us and misses is told; what is near to none is somebody else's", () => {
  const warned = (env: Record<string, string>): readonly string[] => load({ cwd: tmpdir(), env }).warnings;
  assert.deepEqual(warned({ CAUSEWAY_PROT: '1', CAUSEWAY_LOG_LEVLE: 'debug' }), [
    'CAUSEWAY_PROT sets nothing; did you mean CAUSEWAY_PORT?',
    'CAUSEWAY_LOG_LEVLE sets nothing; did you mean CAUSEWAY_LOG_LEVEL?',
  ]);
  assert.deepEqual(warned({ CAUSEWAY_LISTEN_PORT: '1', CAUSEWAY_AUTH_API_KEYS: 'k', CAUSEWAY_NATS_SERVERS: 'n' }), [
    'CAUSEWAY_LISTEN_PORT sets nothing; did you mean CAUSEWAY_PORT?',
    'CAUSEWAY_AUTH_API_KEYS sets nothing; did you mean CAUSEWAY_API_KEY?',
    'CAUSEWAY_NATS_SERVERS sets nothing; did you mean CAUSEWAY_NATS_URL?',
  ]);
  // It may be why something else is missing.
  const failing = (): unknown => load({ cwd: tmpdir(), env: { CAUSEWAY_PROT: '1', CAUSEWAY_NATS_USER: 'u' } });
  assert.throws(failing, { name: 'ConfigError', hints: ['CAUSEWAY_PROT sets nothing; did you mean CAUSEWAY_PORT?'] });
  assert.deepEqual(warned({ CAUSEWAY_HTTP_HEADERS: 'x' }), ['CAUSEWAY_HTTP_HEADERS sets nothing: http.headers can only be set in a file']);
  const others = {
    CAUSEWAY_SERVICE_HOST: '10.0.0.1',
    CAUSEWAY_PORT_8000_TCP: 'tcp://10.0.0.1:8000',
    CAUSEWAY_KEY: 'k',
    CAUSEWAY_INPUT_TOKEN: 't',
  };
  const ours = {
    CAUSEWAY_CONFIG: '',
    CAUSEWAY_CHILD: 'c',
    CAUSEWAY_NATS_SERVER: '/bin/nats-server',
    CAUSEWAY_PORT: '1',
    CAUSEWAY_IDLE: '1s',
  };
  assert.deepEqual(
    warned({ ...others, ...ours, CAUSEWAY_PROT: '', CAUSEWAY_BIND: 'b', CAUSEWAY_IMAGE: 'i', CAUSEWAY_PROMETHEUS_PORT: '9' }),
    [],
  );
});

test('a file alone does not open the bridge to others', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'listen: 0.0.0.0:8000\nservers: { a: { command: x } }\n',
    'd.yaml': 'diagnostics: 0.0.0.0:9464\n',
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:1:9  listen: 0.0.0.0 can be reached by others, and a file alone does not open it: start with --host 0.0.0.0 (or CAUSEWAY_HOST=0.0.0.0)',
  ]);
  assert.match(faultsOf({ cwd, file: 'd.yaml' })[0]!, /CAUSEWAY_DIAGNOSTICS_HOST/);
  const said = load({ cwd, overrides: [{ path: 'listen.host', value: '0.0.0.0', origin: '--host' }] });
  assert.deepEqual([said.config.listen.host, said.warnings.length], ['0.0.0.0', 1]);
  assert.equal(load({ cwd, env: { CAUSEWAY_HOST: '::', CAUSEWAY_API_KEY: 'k' } }).warnings.length, 0);
});

test('the admin listener opens to others on purpose and with a token, or not at all', (context) => {
  const cwd = folder(context, {
    'a.yaml': 'admin: 0.0.0.0:8001\n',
    't.yaml': 'admin: { host: "::", token: "${file:token}" }\n',
    token: 'S3CRET\n',
  });
  const faults = faultsOf({ cwd, file: 'a.yaml' });
  assert.equal(faults.length, 2);
  assert.match(
    faults[0]!,
    /^a\.yaml:1:8 {2}admin: 0\.0\.0\.0 .* a file alone does not open it: start with CAUSEWAY_ADMIN_HOST=0\.0\.0\.0$/,
  );
  assert.match(faults[1]!, /^a\.yaml:1:8 {2}admin: .* needs a token there \(admin\.token: \$\{file:…\}, or CAUSEWAY_ADMIN_TOKEN\)$/);
  const host = { CAUSEWAY_ADMIN_HOST: '0.0.0.0' };
  assert.match(faultsOf({ cwd: tmpdir(), env: host })[0]!, /^settings {2}admin: .* needs a token/);
  assert.deepEqual(load({ cwd: tmpdir(), env: { ...host, CAUSEWAY_ADMIN_TOKEN: 't', CAUSEWAY_ADMIN_PORT: '0' } }).config.admin, {
    host: '0.0.0.0',
    port: 0,
    token: 't',
  });
  assert.equal(load({ cwd: tmpdir(), env: { ...host, CAUSEWAY_ADMIN_PORT: 'off' } }).config.admin.port, false);
  const loaded = load({ cwd, file: 't.yaml', env: { CAUSEWAY_ADMIN_HOST: '::' } });
  assert.deepEqual(loaded.config.admin, { host: '::', port: 8001, token: 'S3CRET' });
  assert(!JSON.stringify(describeConfig(loaded)).includes('S3CRET'));
  assert.deepEqual(load({ cwd: tmpdir() }).config.admin, { host: '127.0.0.1', port: 8001 });
  assert.match(faultsOf({ cwd: tmpdir(), env: { CAUSEWAY_ADMIN_TOKEN: 'two words' } })[0]!, /visible ASCII/);
});

test("search order: ours, then a client's with a word about it; nothing when a command is given", (context) => {
  const own = folder(context, {
    'causeway.yml': 'servers: { own: { command: x } }',
    '.mcp.json': '{"mcpServers":{"theirs":{"command":"y"}}}',
  });
  assert.deepEqual(Object.keys(load({ cwd: own }).config.servers), ['own']);
  const client = folder(context, { '.vscode/mcp.json': '{"servers":{"v":{"command":"${workspaceFolder}/y"}}}' });
  const found = load({ cwd: client });
  assert.equal(found.config.servers['v']!.command, `${client}/y`);
  assert.deepEqual(found.warnings, ["using .vscode/mcp.json (an MCP client's file, only read)"]);
  const command = load({ cwd: own, commands: [{ command: 'uvx', args: ['mcp-server-git', '${LITERAL}'], origin: 'command line' }] });
  assert.deepEqual(Object.keys(command.config.servers), ['git']);
  assert.equal(command.config.servers['git']!.args[1], '${LITERAL}');
  assert.deepEqual(Object.keys(load({ cwd: tmpdir(), env: { CAUSEWAY_CONFIG: join(own, 'causeway.yml') } }).config.servers), ['own']);
  assert.deepEqual(faultsOf({ cwd: own, file: 'nope.yaml' }), ['nope.yaml  no such file']);
});

test('names that are traps are only names', (context) => {
  const text =
    '{"mcpServers":{"__proto__":{"command":"a","env":{"constructor":"c"}},"constructor":{"command":"b"},"toString":{"command":"c"}}}';
  const yaml = 'servers:\n  __proto__: { command: a }\n  constructor: { command: b }\n  hasOwnProperty: { command: c }\n';
  const cwd = folder(context, { 'm.json': text, 'c.yaml': yaml });
  for (const file of ['m.json', 'c.yaml']) {
    const { servers } = load({ cwd, file }).config;
    assert.equal(Object.keys(servers).length, 3);
    assert.equal(servers['__proto__']!.command, 'a');
    assert.equal(servers['constructor']!.command, 'b');
    assert.equal(servers['valueOf'], undefined);
  }
  assert.equal(({} as Record<string, unknown>)['command'], undefined);
});

test("a client's names that cannot be in a URL are skipped with a proposal; the rest is served", (context) => {
  const cwd = folder(context, {
    'm.json': '{"mcpServers":{"github.com/x/servers":{"command":"a"},"..":{"command":"b"},"ok":{"command":"c"}}}',
  });
  const { config, warnings } = load({ cwd, file: 'm.json' });
  assert.deepEqual(Object.keys(config.servers), ['ok']);
  assert.match(warnings[0]!, /skipped "github\.com\/x\/servers".*--server "github\.com-x-servers=…"/);
  assert.match(warnings[1]!, /skipped "\.\."/);
});

test("a setting of ours in a client's file is refused: a guard must not be dropped with a warning", (context) => {
  const cwd = folder(context, { 'm.json': '{"auth":{"apiKeys":[]},"mcpServers":{"a":{"command":"a"}}}' });
  assert.match(faultsOf({ cwd, file: 'm.json' })[0]!, /^m\.json:1:2 {2}auth: this is a setting of causeway/);
});

test('broken files tell the place: JSON, YAML, doubled keys, emptiness', (context) => {
  const cwd = folder(context, {
    'a.json': '{\n  "servers": {,}\n}',
    'b.yaml': 'servers:\n  a: { command: x\n',
    'c.json': '{"servers":{"a":{"command":"x"},"a":{"command":"y"}}}',
    'd.yaml': 'a: 1\na: 2\n',
    'd2.yaml': 'log: { level: loud }\nservers:\n  git: { comand: x }\n  git: { command: y }\n',
    'd3.json': '{"servers":{"a":{"comand":"x"},"a":{"command":"y"}}}',
    'e.yaml': '',
    'f.json': '',
    'g.yaml': '- 1\n',
    'h.yaml': 'servers:\n',
  });
  assert.match(faultsOf({ cwd, file: 'a.json' })[0]!, /^a\.json:2:15 {2}not valid JSON/);
  assert.match(faultsOf({ cwd, file: 'b.yaml' })[0]!, /^b\.yaml:\d+:\d+ {2}not valid YAML/);
  assert.match(faultsOf({ cwd, file: 'c.json' })[0]!, /^c\.json:1:33 {2}the key "a" is given twice/);
  assert.deepEqual(faultsOf({ cwd, file: 'd.yaml' }), ['d.yaml:1:1  a: unknown key', 'd.yaml:2:1  the key "a" is given twice']);
  // The first is read, so that all else is told too.
  assert.deepEqual(faultsOf({ cwd, file: 'd2.yaml' }), [
    'd2.yaml:1:15  log.level: expected one of trace, debug, info, warn, error, silent, got "loud"',
    'd2.yaml:3:8  servers.git.command: is required (text)',
    'd2.yaml:3:10  servers.git.comand: unknown key (did you mean command?)',
    'd2.yaml:4:3  the key "git" is given twice',
  ]);
  assert.deepEqual(faultsOf({ cwd, file: 'd3.json' }), [
    'd3.json:1:17  servers.a.command: is required (text)',
    'd3.json:1:18  servers.a.comand: unknown key (did you mean command?)',
    'd3.json:1:32  the key "a" is given twice',
  ]);
  assert.match(faultsOf({ cwd, file: 'g.yaml' })[0]!, /expected an object/);
  assert.match(faultsOf({ cwd, file: 'f.json' })[0]!, /^f\.json:1:1 {2}/);
  for (const file of ['e.yaml', 'h.yaml']) assert.deepEqual(Object.keys(load({ cwd, file }).config.servers), []);
});

test("two servers of one name, and two defaults, are mistakes; a command line replaces the file's", (context) => {
  const cwd = folder(context, {
    'c.yaml': 'import: [m.json]\nservers: { a: { command: x }, b: { command: y, default: true }, c: { command: y, default: true } }\n',
    'm.json': '{"mcpServers":{"a":{"command":"z"}}}',
    'one.yaml': 'servers: { a: { command: x } }',
  });
  const faults = faultsOf({ cwd, file: 'c.yaml' });
  assert.match(faults.join('\n'), /there is a server "a" in .* already/);
  assert.match(faults.join('\n'), /only one server can be the default, and "b", "c" are/);
  const replaced = load({ cwd, file: 'one.yaml', commands: [{ name: 'a', command: 'new', args: [], origin: '--server' }] });
  assert.equal(replaced.config.servers['a']!.command, 'new');
  assert.match(
    faultsOf({
      cwd,
      commands: [
        { command: 'x', args: [], origin: '--server' },
        { command: 'x', args: [], origin: 'command line' },
      ],
    })[0]!,
    /two servers "x"/,
  );
});

test('an edge reads no servers, so it needs none of their secrets', () => {
  const { config, warnings } = load({ file: 'cursor.mcp.json', servers: false });
  assert.deepEqual([Object.keys(config.servers), warnings], [[], []]);
});

test("what a flag says of the child goes to the command's child only, when there is one", () => {
  const overrides = [{ path: 'servers.*.env', value: { X: '1' }, origin: '-e' }];
  const beside = load({
    file: 'inspector.json',
    overrides,
    commands: [{ command: 'uvx', args: ['mcp-server-git'], origin: 'command line' }],
  }).config.servers;
  assert.deepEqual([{ ...beside['git']!.env }, { ...beside['default-server']!.env }], [{ X: '1' }, { hello: 'Hello MCP!' }]);
  const alone = load({ file: 'inspector.json', overrides }).config.servers;
  assert.deepEqual({ ...alone['default-server']!.env }, { hello: 'Hello MCP!', X: '1' });
});

test('files of an editor that marks them as UTF-8 are read without the mark', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'servers: { a: { command: x, envFile: v.env, env: { TOKEN: "${file:token}" } } }\n',
    'v.env': '\uFEFFAPI_KEY=k\nOTHER=o\n',
    token: '\uFEFFsk-token\r\n',
  });
  assert.deepEqual({ ...load({ cwd }).config.servers['a']!.env }, { API_KEY: 'k', OTHER: 'o', TOKEN: 'sk-token' });
});

test('names of files to import are expanded as every other value', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': 'import: ["${userHome}/mcp.json", "${DIR}/mcp.json"]\n',
    'home/mcp.json': '{"mcpServers":{"a":{"command":"x"}}}',
    'dir/mcp.json': '{"mcpServers":{"b":{"command":"x"}}}',
  });
  const env = { HOME: join(cwd, 'home'), DIR: 'dir' };
  assert.deepEqual(Object.keys(load({ cwd, env }).config.servers), ['a', 'b']);
  assert.deepEqual(faultsOf({ cwd, env: { HOME: join(cwd, 'home') } }), [
    'causeway.yaml:1:34  import[1]: the variable DIR is not set (${DIR:-default} gives it a default)',
    'causeway.yaml:1:34  import[1]: ${DIR}/mcp.json: no such file',
  ]);
});

test('a file of something else is told as that, not key by key', (context) => {
  const cwd = folder(context, {
    'claude.json': '{"numStartups":3,"projects":{"/x":{"mcpServers":{"e":{"command":"x"}}}}}',
    'settings.json': '{"editor.fontSize":12,"mcp":{"servers":{"e":{"command":"x"}}}}',
    'typo.yaml': 'lisen: 1\nserverz: {}\n',
  });
  for (const file of ['claude.json', 'settings.json'])
    assert.deepEqual(faultsOf({ cwd, file }), [
      `${file}:1:1  no setting of causeway is in it, and it is not a file of an MCP client: it has no "mcpServers", nor "servers" as VS Code writes them`,
    ]);
  assert.deepEqual(faultsOf({ cwd, file: 'typo.yaml' }).length, 2);
});

test('a file that is not there is told with who has named it', (context) => {
  const cwd = folder(context, { 'causeway.yaml': 'servers: {}\nimport: [./.mcp.json]\n', 'one.yaml': 'import: gone.json\n', 'a/b': '' });
  assert.deepEqual(faultsOf({ cwd }), ['causeway.yaml:2:10  import[0]: ./.mcp.json: no such file']);
  assert.deepEqual(faultsOf({ cwd, file: 'one.yaml' }), ['one.yaml:1:9  import: gone.json: no such file']);
  assert.deepEqual(faultsOf({ cwd, env: { CAUSEWAY_CONFIG: 'gone.yaml' } }), ['CAUSEWAY_CONFIG  gone.yaml: no such file']);
  assert.deepEqual(faultsOf({ cwd, file: 'a' }), ['a  cannot be read (EISDIR)']);
});

test('the environment is passed on, or not, in every spelling of yes and no', () => {
  const passed = (word: string): unknown =>
    load({
      cwd: tmpdir(),
      commands: [{ name: 'x', command: 'x', args: [], origin: 'command line' }],
      env: { HOME: '/home/u', CAUSEWAY_PASS_ENVIRONMENT: word },
    }).config.servers['x']!.passEnvironment;
  for (const word of ['true', 'on', 'YES', '1']) assert.equal(passed(word), true, word);
  for (const word of ['false', 'off', 'No', '0']) assert.equal(passed(word), false, word);
  assert.deepEqual(passed('HOME,LANG'), ['HOME', 'LANG']);
});

test("a client's file whose servers are no object is told so; its timeouts are of the unit that was understood", (context) => {
  const cwd = folder(context, {
    'list.json': '{ "mcpServers": [] }',
    'times.json': '{ "mcpServers": { "a": { "command": "x", "timeout": 2500 }, "b": { "command": "x", "timeout": 5000000 } } }',
  });
  assert.deepEqual(faultsOf({ cwd, file: 'list.json' }), ['list.json:1:17  mcpServers: expected an object with a server under each name']);
  const { config, warnings } = load({ cwd, file: 'times.json' });
  assert.deepEqual([config.servers['a']!.requestTimeout, config.servers['b']!.requestTimeout], [2_500_000, 5_000_000]);
  assert.deepEqual(warnings, ['times.json: b: timeout 5000000 taken as milliseconds']);
});

test('a variable without quotes between braces or brackets is told as that, and nothing that follows from it', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `servers:
  a: { command: x, env: { A: \${NOPE}, B: "\${NOPE}" }, args: [\${NOPE}, b] }
  b: { command: x, env: { A: \${NOPE} } }
`,
  });
  const text = 'between braces or brackets YAML wants a variable in quotes: "${NAME}"';
  assert.deepEqual(
    faultsOf({ cwd }),
    ['2:31', '2:63', '3:31'].map((place) => `causeway.yaml:${place}  ${text}`),
  );
});
