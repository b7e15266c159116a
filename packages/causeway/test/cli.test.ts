import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { banner } from '../src/banner.ts';
import { helpText } from '../src/help.ts';
import { FLAGS } from '../src/flags.ts';
import { loadConfig, variablesOf } from '@causeway/config';
import { BIN, bridge, causeway, CHILD, folder, start } from './support/cli.ts';

test('mistakes of usage exit 2 with what was probably meant, and nothing is started', async (context) => {
  const cwd = folder(context);
  for (const [argv, text] of [
    [['--prot', '80', '--', process.execPath, CHILD], /unknown option '--prot'[^]*did you mean --port/i],
    [
      ['wroker'],
      /"wroker" is neither a verb nor a program on \$PATH; did you mean "worker"\?\n {2}to run a program of that name: causeway -- wroker/,
    ],
    [
      ['connect', 'https://x/mcp'],
      /^error: connect: connecting to a remote server \(HTTP to stdio\) is not part of this release\n {2}to run a program of that name: causeway -- connect\n$/,
    ],
    [['connect'], /^error: connect: connecting to a remote server/],
    [['--port', '80', 'edge'], /the verb comes first: causeway edge/],
    [['run'], /there is no server to run/],
    [['--stdio', `${process.execPath} "${CHILD}`], /--stdio: a quote is not closed/],
    [['--config', 'nope.yaml'], /nope\.yaml {2}no such file/],
    [['edge'], /an edge needs the NATS servers/],
    [['worker', '--', process.execPath], /a worker needs the NATS servers/],
    [
      ['edge', '--nats', 'auto'],
      /^error: an edge needs the NATS servers that its workers are on\n {2}auto is a server for "causeway run" alone\n/,
    ],
    [['worker', '--nats', 'auto', '--', process.execPath], /are on\n {2}auto is a server for "causeway run" alone\n/],
    [['edge', '--stdio', 'x'], /unknown option '--stdio'[^]*not an option of "edge"/],
    [['warm', '-q', 'ev'], /^error: unknown option '-q'\n {2}it is not an option of "warm"\n$/],
    [['edge', '--sessionTimeout', '5000'], /^error: unknown option '--sessionTimeout'/],
    [['config', 'chek'], /did you mean "check"/],
    [['--port', 'http', '--', process.execPath], /--port {2}not a port: "http"/],
    [['--corsAddAllowedHeader', 'X-A', '--', process.execPath], /--corsAddAllowedHeader says nothing without --cors/],
    [['health', '--nope'], /Unknown option '--nope'/],
    [['health', '--liv'], /Unknown option '--liv'\n {2}did you mean --live\?\n {2}causeway health /],
    [['demo', '--kil-edge'], /Unknown option '--kil-edge'\n {2}did you mean --kill-edge\?\n {2}causeway demo /],
    [['init', '--clustr'], /unknown option '--clustr'\n {2}did you mean --cluster\?\n {2}causeway init /],
    [['help', 'sesions'], /there is no verb "sesions"; did you mean "sessions"\?/],
    [['help', 'nothing-like-it'], /there is no verb "nothing-like-it"/],
    [['--server', 'git'], /--server git: expected NAME=COMMAND\n/],
    [['health', '--timeout', 'soon'], /--timeout soon: expected a time, e\.g\. 5s/],
    [['health', '--timeout', '0'], /--timeout 0: expected a time/],
    [['session', 'ls'], /did you mean "sessions"\?/],
    [['sessions', 'kil'], /unknown: sessions kil \(did you mean "kill"\?\)\n {2}causeway sessions ls \| get \| kill/],
    [['sessions', '--frmat', 'json'], /Unknown option '--frmat'\n {2}did you mean --format\?/],
    [['sessions', 'ls', '--format', 'xml'], /--format xml: there are table and json/],
    [['sessions', 'get'], /which session\?/],
    [['sessions', 'get', 'a', 'b'], /"b" is left over/],
    [['sessions', 'ls', '--yes'], /Unknown option '--yes'/],
    [['workers', 'drain'], /which worker\?/],
    [['workers', 'resume', 'a', '--admin', 'ftp://x'], /--admin ftp:\/\/x: not an http URL/],
    [['demo', '--api-key', ''], /--api-key: expected a key, without blanks/],
    [['tools', 'a', 'b'], /^error: "b" is left over\n$/],
    [['tools', '--url', 'ftp://x/mcp'], /^error: --url ftp:\/\/x\/mcp: not an http URL\n$/],
    [['tools', '--timeout', 'soon'], /--timeout soon: expected a time, e\.g\. 5m/],
    [['tools', '../x', '--url', 'http://127.0.0.1:1'], /^error: "\.\.\/x" is no name of a server\n$/],
    [['call', '--format', 'xml'], /--format xml: there are table and json/],
    [['call', 'a=b'], /^error: which tool\?\n {2}causeway tools \[SERVER\] lists them\n/],
    [['call', 'a', 'b', 'c'], /^error: "c" is left over\n {2}arguments are written NAME=VALUE\n$/],
    [['call', 'a', '--jsn', '{}'], /^error: Unknown option '--jsn'\n {2}did you mean --json\?\n {2}causeway call /],
    [['call', 'a', '--json', '[1]'], /^error: --json: expected an object, \{…\}\n$/],
    [['call', 'a', '--json', '{'], /^error: --json: /],
    [['call', 'a', 'b=c', '--json', '{}'], /^error: there are --json and "b=c": one or the other\n$/],
    [['call', 'a', '--header', 'x'], /^error: --header x: expected "Name: value"\n$/],
    [['call', 'a', '--header', 'x: a\u0007b'], /expected "Name: value"/],
    [['call', 'a', '--api-key', 'a b'], /--api-key: expected a key, without blanks/],
    [['client'], /^error: which client\?\n {2}causeway client claude-code\|claude-desktop\|cursor\|vscode /],
    [['client', 'curser'], /^error: no client is known as "curser"; did you mean "cursor"\?\n/],
    [['client', 'cursor', '--url', 'http://x/mcp'], /^error: the client needs a name for http:\/\/x\/mcp\n/],
    [['doctor', '--format', 'xml'], /--format xml: there are table and json/],
    [['doctor', '--prot', '1'], /did you mean --port/i],
  ] as const) {
    const { code, out, err } = await causeway(argv, { cwd });
    assert.equal(code, 2, `${argv.join(' ')}: ${err}`);
    assert.match(err, text);
    assert.doesNotMatch(err, /\n\s+at /);
    assert.equal(out, '');
  }
});

test('beside what is wrong with a configuration stands the variable that was mistyped', async () => {
  const env = { CAUSEWAY_PROT: '9' };
  const hint = 'CAUSEWAY_PROT sets nothing; did you mean CAUSEWAY_PORT?';
  const { code, err } = await causeway(['--max-body', 'big', '--', process.execPath], { env });
  assert.deepEqual([code, err], [2, `error: --max-body  not a size: "big" (4MiB, 64kB, or bytes)\n  ${hint}\n`]);
  const json = await causeway(['warm', '--format', 'json', '--config', 'nope.yaml'], { env });
  assert.deepEqual(JSON.parse(json.err), { error: { code: 'usage', message: 'nope.yaml  no such file', hint } });
});

test('with --format json a failure is one line of JSON, of every command that has it', async () => {
  for (const [argv, expected] of [
    [['sessions', '--admin', 'http://127.0.0.1:1', '--format', 'json'], { status: 4, code: 'unreachable' }],
    [['demo', '--url', 'http://127.0.0.1:1/mcp', '--format', 'json'], { status: 4, code: 'unreachable' }],
    [['demo', '--format=json', '--calls', 'x'], { status: 2, code: 'usage' }],
    [['tools', '--url', 'http://127.0.0.1:1/mcp', '--format', 'json'], { status: 4, code: 'unreachable' }],
    [['call', '--format=json', '--json', 'x', 'y'], { status: 2, code: 'usage' }],
  ] as const) {
    const { code, out, err } = await causeway(argv);
    const { error } = JSON.parse(err) as { error: { code: string } };
    assert.deepEqual([{ status: code, code: error.code }, out, err.split('\n').length], [expected, '', 2], err);
  }
  const behind = await causeway(['warm', '--', 'no-such-program', '--format', 'json']);
  assert.match(behind.err, /cannot start "no-such-program"/);
});

test('a command that does not exist: 127, with a hint', async () => {
  const { code, out, err } = await causeway(['--', 'uvxx', 'mcp-server-git']);
  assert.deepEqual([code, out], [127, '']);
  assert.match(
    err,
    /^error: cannot start "git": command not found: uvxx\n {2}hint: is it "uvx"\? {2}\(install: https:\/\/docs\.astral\.sh\/uv\) {5}looked in \$PATH \(\d+ directories\)\n$/,
  );
});

test('a script and a package are told what runs them', async (context) => {
  const cwd = folder(context, { 'server.js': '' });
  for (const [word, hint] of [
    ['server.js', 'a script is run by its interpreter: node server.js'],
    ['./src/server.py', 'a script is run by its interpreter: python3 ./src/server.py'],
    ['@modelcontextprotocol/server-everything', 'a package is run by npx: npx -y @modelcontextprotocol/server-everything'],
    ['@scope/mcp@1.2.3', 'a package is run by npx: npx -y @scope/mcp@1.2.3'],
  ] as const) {
    const bare = await causeway([word], { cwd });
    assert.equal(
      bare.err,
      `error: "${word}" is neither a verb nor a program on $PATH\n  to run a program of that name: causeway -- ${word}\n  hint: ${hint}\n`,
    );
    const behind = await causeway(['--', word], { cwd });
    assert.deepEqual([bare.code, behind.code, behind.err.split('\n')[1]], [2, 127, `  hint: ${hint}`]);
  }
});

test('a line for a shell is told how it is given to one', async (context) => {
  const cwd = folder(context);
  const inTable = 'hint: causeway runs no shell: ';
  for (const [argv, hint] of [
    [['--stdio', 'FOO=1 node x'], '-e FOO=… sets a variable of the child ("env" in a file), and --shell runs the line through a shell'],
    [['--stdio', 'cd /tmp && node x'], '--cwd is the directory of the child ("cwd" in a file), and --shell runs the line through a shell'],
    [['--', '$HOME/bin/x'], '--shell runs the line through one ("shell" in a file)'],
    [['--server', 'a=x|y'], '--shell runs the line through one ("shell" in a file)'],
    [['--', 'no-such && node x'], '--shell runs the line through one ("shell" in a file)'],
  ] as const) {
    const { code, err } = await causeway(argv, { cwd });
    assert.equal(code, 127, err);
    assert.equal(err.split('\n')[1], `  ${inTable}${hint}`, argv.join(' '));
  }
  const bare = await causeway(['FOO=1', process.execPath, 'x'], { cwd });
  assert.equal(bare.code, 2);
  assert.match(bare.err, /"FOO=1" is neither a verb nor a program[^]*-e FOO=… sets a variable/);
});

test('doctor: where nothing is there to run it is worth a look; an edge needs nothing', async (context) => {
  const cwd = folder(context);
  const ports = ['--port', '0', '--diagnostics-port', '0', '--admin-port', '0'];
  const alone = await causeway(['doctor', ...ports], { cwd });
  assert.match(alone.out, /^! no configuration file, 0 servers: "run" would have nothing to serve; give --config FILE, or a command$/m);
  assert.equal(alone.code, 0);
  const edge = await causeway(['doctor', ...ports, '--nats', 'nats://127.0.0.1:1'], { cwd });
  assert.match(edge.out, /^✔ no configuration file, 0 servers: enough for an edge$/m);
});

test('a port in use: 1, naming it and its holder', async (context) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { code, err } = await causeway(['--port', String(port), '--no-probe', '--', process.execPath, CHILD]);
  assert.equal(code, 1);
  assert.match(
    err,
    new RegExp(
      `^error: port ${port} is in use by node \\(pid ${process.pid}\\)\\. Try --port ${port + 1}, or --port 0 for any free port\\.\\n$`,
    ),
  );
});

test('a child that ends, stays silent or cannot start: 5, with its last words or what is wrong', async () => {
  const bad = await causeway(['--port', '0', '--log-level', 'silent', '--', process.execPath, CHILD, 'bad']);
  assert.equal(bad.code, 5, bad.err);
  assert.match(bad.err, /cannot start "child": it exited with code 3\n {2}\| no database here\n {2}\| giving up\n/);
  const mute = await causeway(['--port', '0', '--log-level', 'silent', '--start-timeout', '500ms', '--', process.execPath, CHILD, 'mute']);
  assert.equal(mute.code, 5, mute.err);
  assert.match(mute.err, /PYTHONUNBUFFERED=1/);
  const lost = await causeway(['--port', '0', '--log-level', 'silent', '--cwd', '/no/such/folder', '--', process.execPath, CHILD]);
  assert.equal(lost.code, 5, lost.err);
  assert.equal(
    lost.err,
    'error: cannot start "child": its working directory /no/such/folder does not exist, or is none that may be entered\n' +
      '  hint: correct --cwd, or "cwd" in the file\n',
  );
});

test('with --shell the first word is a line for the shell, no program', async (context) => {
  const { url, stop } = await bridge(context, ['--shell', `exec ${process.execPath} ${CHILD}`]);
  assert.equal((await causeway(['health', '--url', url])).code, 0);
  assert.equal(await stop('SIGTERM'), 0);
});

test('a child that prints to stdout is warned of, and its print is not taken for an answer', async (context) => {
  const started = start(['--port', '0', '--diagnostics-port', 'off', '--', process.execPath, CHILD, 'noisy']);
  const late = setTimeout(() => started.kill('SIGKILL'), 10_000);
  context.after(() => (clearTimeout(late), started.kill('SIGKILL')));
  let err = '';
  for await (const part of started.stderr!) if ((err += String(part)).includes('\n')) break;
  assert.equal(err, 'warning: "child" wrote a non-JSON line to stdout (ignored): "Loading model…" — MCP servers must log to stderr\n');
  const mute = ['--port', '0', '--log-level', 'silent', '--start-timeout', '500ms', '--', process.execPath, CHILD, 'mute', 'noisy'];
  assert.equal((await causeway(mute)).code, 5);
});

test('the banner says how to connect, with a key where one is asked for, which it does not tell', () => {
  const told = (value: Readonly<Record<string, unknown>>): string => {
    const { config } = loadConfig({ value: { servers: { git: { command: 'x' } }, ...value }, env: {}, cwd: tmpdir() });
    return banner({ url: 'http://127.0.0.1:8000', config, absent: new Set() }).find((line) => line.includes('connect'))!;
  };
  const plain = '  connect      claude mcp add --transport http git http://127.0.0.1:8000/mcp';
  assert.equal(told({}), plain);
  assert.equal(told({ auth: { apiKeys: [{ id: 'a', key: 's3cret' }] } }), `${plain} --header "Authorization: Bearer KEY"`);
});

test('the banner names no server that cannot be started', () => {
  const servers = { gone: { command: 'x', default: true }, git: { command: 'x' } };
  const { config } = loadConfig({ value: { servers }, env: {}, cwd: tmpdir() });
  const lines = banner({ url: 'http://127.0.0.1:8000', config, absent: new Set(['gone']) });
  assert.ok(!lines.some((line) => line.includes('gone')), lines.join('\n'));
  assert.ok(lines.includes('  connect      claude mcp add --transport http git http://127.0.0.1:8000/servers/git/mcp'), lines.join('\n'));
});

test('the addresses of the banner stand below each other, however long the names are', () => {
  const servers = { git: { command: 'x' }, 'sequential-thinking': { command: 'x' } };
  const { config } = loadConfig({ value: { servers }, env: {}, cwd: tmpdir() });
  const lines = banner({ url: 'http://127.0.0.1:8000', config, absent: new Set() }).slice(2, 4);
  assert.deepEqual(lines, [
    '  git                 http://127.0.0.1:8000/servers/git/mcp',
    '  sequential-thinking http://127.0.0.1:8000/servers/sequential-thinking/mcp',
  ]);
});

test('piped: no banner, one line with the URLs; SIGTERM and Ctrl-C end it with 0', async (context) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { url, stop, lines } = await bridge(context, ['--', process.execPath, CHILD]);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const line = lines().find((one) => one['msg'] === 'listening')!;
    assert.deepEqual(line['servers'], { child: `${url}/servers/child/mcp` });
    const ready = await causeway(['health', '--url', url]);
    assert.deepEqual([ready.code, ready.out.includes('[+]')], [0, true]);
    assert.equal((await causeway(['health', '--live', '--url', url])).code, 0);
    assert.equal(await stop(signal), 0);
    assert.equal((await causeway(['health', '--url', url])).code, 4);
  }
});

test('health waits as long as it is told, 3 s unless it is', async (context) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  context.after(() => silent.close());
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { code, out, err } = await causeway(['health', '--url', url, '--timeout', '200ms']);
  assert.deepEqual([code, out, err], [4, '', `error: ${url} does not answer: no answer within 0.2 s\n`]);
});

test('Ctrl-C while NATS does not answer ends it at once, without a word of alarm', async () => {
  await using silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const nats = `nats://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const command = ['--', process.execPath, CHILD];
  for (const argv of [['edge'], ['worker'], ['run']].map(([verb]) => [verb!, '--nats', nats, ...(verb === 'edge' ? [] : command)])) {
    const started = start(argv);
    const texts = [started.stdout!, started.stderr!].map(async (stream) => (await stream.toArray()).join(''));
    // What it says or does first: that it connects, or the connection itself.
    await Promise.race([once(silent, 'connection'), once(started.stdout!, 'data')]);
    const pressed = performance.now();
    started.kill('SIGINT');
    const [code] = (await once(started, 'close')) as [number | null];
    assert.deepEqual([code, performance.now() - pressed < 1_500], [130, true], argv[0]);
    assert.doesNotMatch((await Promise.all(texts)).join(''), /abandoned|error/i);
  }
});

test('Ctrl-C while a bridge starts ends it without an address or a failure of its server', async () => {
  const pressed = `let pressed = false;
    process.on('newListener', (name) => {
      if (name !== 'SIGINT' || pressed) return;
      pressed = true;
      setImmediate(() => process.kill(process.pid, 'SIGINT'));
    });`;
  const { code, out, err } = await causeway(['run', '--port', '0', '--', process.execPath, CHILD], {
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pressed)}` },
  });
  assert.deepEqual([code, err], [130, '']);
  assert.doesNotMatch(out, /listening/);
});

test('of several servers a missing one is reported and the others run', async (context) => {
  const cwd = folder(context, {
    'm.json': JSON.stringify({
      mcpServers: { good: { command: process.execPath, args: [CHILD] }, absent: { command: 'no-such-program' } },
    }),
  });
  const { url, stop } = await bridge(context, ['--config', 'm.json'], { cwd });
  assert.equal((await causeway(['health', '--url', url])).code, 0);
  assert.equal(await stop('SIGTERM'), 0);
});

test('a file alone does not open the bridge to others', async (context) => {
  const cwd = folder(context, { 'causeway.yaml': `listen: 0.0.0.0:0\nservers: { a: { command: ${process.execPath} } }\n` });
  const { code, err } = await causeway([], { cwd });
  assert.equal(code, 2);
  assert.match(err, /^error: causeway\.yaml:1:9 {2}listen: 0\.0\.0\.0 can be reached by others.*start with --host 0\.0\.0\.0/);
});

test('config check, print, schema, import', async (context) => {
  const cwd = folder(context, {
    'causeway.yaml':
      'nats: { url: "nats://u:S3CRET@h:4222" }\nauth: { apiKeys: [{ id: a, key: S3CRET }] }\nservers: { git: { command: uvx, args: [mcp-server-git], env: { T: S3CRET } } }\n',
    'bad.yaml': 'lisen: 1\nservers: { a: {} }\n',
    'm.json': '{"mcpServers":{"a":{"command":"${BIN}","args":["x"]},"b":{"url":"https://x"}}}',
  });
  const check = await causeway(['config', 'check'], { cwd });
  assert.deepEqual([check.code, check.out], [0, 'causeway.yaml: ok, 1 server (git)\n']);
  const bad = await causeway(['config', 'check', 'bad.yaml'], { cwd });
  assert.equal(bad.code, 2);
  assert.match(
    bad.err,
    /^error: 2 mistakes in the configuration\n {2}bad\.yaml:1:1 {2}lisen: unknown key \(did you mean listen\?\)\n {2}bad\.yaml:2:/,
  );
  const print = await causeway(['config', 'print', '--show-origin', '--port', '81'], { cwd, env: { CAUSEWAY_LOG_LEVEL: 'warn' } });
  assert.equal(print.code, 0);
  assert.match(print.out, /^listen\.port = 81 +# --port$/m);
  assert.match(print.out, /^log\.level = "warn" +# CAUSEWAY_LOG_LEVEL$/m);
  assert.match(print.out, /^nats\.servers = .*# causeway\.yaml:1:7$/m);
  assert.match(print.out, /^drain\.timeout = "30s" +# default$/m);
  assert(!print.out.includes('S3CRET'));
  const json = JSON.parse((await causeway(['config', 'print'], { cwd })).out) as { servers: { git: { command: string } } };
  assert.equal(json.servers.git.command, 'uvx');
  writeFileSync(join(cwd, 'printed.yaml'), (await causeway(['config', 'print', '--stdio', 'x'], { cwd: tmpdir() })).out);
  const again = await causeway(['config', 'print', '--config', 'printed.yaml'], { cwd });
  assert.equal(again.out, readFileSync(join(cwd, 'printed.yaml'), 'utf8'), again.err);
  const schema = JSON.parse((await causeway(['config', 'schema'])).out) as Record<string, unknown>;
  assert.deepEqual(schema, JSON.parse(readFileSync(join(import.meta.dirname, '../../config/schema.json'), 'utf8')));
  const imported = await causeway(['config', 'import', 'm.json'], { cwd });
  assert.match(imported.out, /servers:\n {2}a:\n {4}command: \$\{BIN\}\n {4}args:\n {6}- x\n$/);
  assert.match(imported.err, /skipped "b"/);
});

test('init writes a file that checks, and never over an existing one', async (context) => {
  const cwd = folder(context);
  assert.equal((await causeway(['init', '--', 'uvx', 'mcp-server-git', '--repo', '${X}'], { cwd })).code, 0);
  const text = readFileSync(join(cwd, 'causeway.yaml'), 'utf8');
  const named = /^# yaml-language-server: \$schema=\.\/(\S+)\n/.exec(text)?.[1];
  assert.deepEqual(
    readFileSync(join(cwd, named!), 'utf8'),
    readFileSync(join(import.meta.dirname, '../../config/schema.json'), 'utf8'),
    'an editor finds the schema',
  );
  assert.doesNotMatch(text, /docs\//);
  assert.equal((await causeway(['config', 'check'], { cwd })).out, 'causeway.yaml: ok, 1 server (git)\n');
  const again = await causeway(['init'], { cwd });
  assert.deepEqual([again.code, readFileSync(join(cwd, 'causeway.yaml'), 'utf8')], [2, text]);
  rmSync(join(cwd, 'causeway.yaml'));
  assert.equal((await causeway(['init'], { cwd })).code, 0, 'the schema of before is in no way');
});

test('help fits on a screen, examples first; every option is in --all with its variable', async () => {
  const { code, out, err } = await causeway(['--help']);
  assert.deepEqual([code, err], [0, '']);
  assert(out.split('\n').length < 40);
  assert.match(out, /^Examples:\n(?: {2}causeway .*\n){4}/);
  const all = helpText(undefined, true);
  for (const flag of FLAGS) {
    assert(all.includes(flag.name), flag.name);
    if (flag.env !== undefined) assert(all.includes(flag.env), flag.env);
    if (flag.env !== undefined && flag.path !== undefined)
      assert(variablesOf(flag.path).includes(flag.env), `${flag.name}: ${flag.env} sets nothing`);
  }
  assert.match((await causeway(['edge', '--help'])).out, /causeway edge --nats URL/);
  for (const verb of ['edge', 'worker'] as const) {
    assert.match(helpText(verb, false), /--nats URL +where the others of the bridge are; commas between several servers/);
    assert.doesNotMatch(helpText(verb, false), /in memory|auto:/, 'neither is for them');
  }
  for (const argv of [
    ['-p', '0', '--cors', '--help'],
    ['--port', '0', '-h', '--', 'x'],
    ['--prot', '--help'],
    ['worker', '--nats', 'x', '--help'],
    ['config', 'check', '--help'],
  ]) {
    const asked = await causeway(argv);
    assert.deepEqual([asked.code, asked.err, asked.out.includes('Usage: causeway')], [0, '', true], argv.join(' '));
  }
  for (const argv of [
    ['run', 'no-such-program', '--help'],
    ['-p', '0', '--', 'no-such-program', '-h'],
  ]) {
    assert.equal((await causeway(argv)).code, 127, 'it belongs to the command');
  }
  assert.equal((await causeway(['--version'])).out, '0.1.0\n');
});

/** Starts it with a launcher that is told that its Node is old; the Node that it starts is not. */
function launch(...argv: string[]): ReturnType<typeof spawn> {
  const older = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})';
  return spawn(process.execPath, ['--import', older, BIN, ...argv], { stdio: ['ignore', 'pipe', 'ignore'] });
}

test('the launcher is killed while a call runs: nothing of the bridge is left 5 s later', async () => {
  const launcher = launch('--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off', '--no-probe', '--', process.execPath, CHILD);
  const [first] = (await once(launcher.stdout!, 'data')) as [Buffer];
  const { url } = JSON.parse(first.toString().split('\n')[0]!) as { url: string };
  const say = (message: object, headers = {}): Promise<Response> =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  const session = (await say({ method: 'initialize', params })).headers.get('mcp-session-id');
  // Its headers come once the child has the call.
  await say({ method: 'never' }, { 'mcp-session-id': session });
  const killed = performance.now();
  launcher.kill('SIGKILL');
  await once(launcher.stdout!.resume(), 'end');
  assert.ok(performance.now() - killed < 5_000);
  await assert.rejects(fetch(`${url}/livez`));
});

test('the launcher on an older Node: signals passed on, exit code kept, nothing left behind', async () => {
  const quick = launch('--version');
  quick.stdout!.resume();
  assert.deepEqual(await once(quick, 'close'), [0, null]);
  const wrong = launch('--prot');
  wrong.stdout!.resume();
  assert.deepEqual(await once(wrong, 'close'), [2, null]);
  for (const [signal, code] of [
    ['SIGTERM', 0],
    ['SIGINT', 0],
    ['SIGKILL', null],
  ] as const) {
    const launcher = launch('--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off', '--no-probe', '--', process.execPath, CHILD);
    const [first] = (await once(launcher.stdout!, 'data')) as [Buffer];
    assert.match(first.toString(), /"msg":"listening"/);
    launcher.kill(signal);
    // The end of stdout is the end of the last process that held it.
    const [[ended]] = (await Promise.all([once(launcher, 'exit'), once(launcher.stdout!.resume(), 'end')])) as [[number | null], unknown];
    assert.equal(ended, code);
  }
});
