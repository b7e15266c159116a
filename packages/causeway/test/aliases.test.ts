import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { loadConfig, splitCommand, type Config } from '@causeway/config';
import { rewrite } from '../src/aliases.ts';
import { Failure } from '../src/failure.ts';
import { loadInput } from '../src/options.ts';
import { parseLine } from '../src/parse-line.ts';

/** The configuration that a command line means, however it is split. */
function meant(line: string | readonly string[]): Config {
  const argv = typeof line === 'string' ? splitCommand(line) : line;
  return loadConfig({ ...loadInput(parseLine('run', argv), splitCommand), env: {}, cwd: '/' }).config;
}

const refused = (line: string | readonly string[]): string => {
  try {
    meant(line);
  } catch (error) {
    assert(error instanceof Failure, String(error));
    assert.equal(error.exitCode, 2);
    return [error.message, ...error.hints].join('\n');
  }
  assert.fail(`${String(line)} should be refused`);
};

const EVERYTHING = '-- npx -y @modelcontextprotocol/server-everything';

test('supergateway: its command lines mean the same here', () => {
  const table: [theirs: string, ours: string][] = [
    ['--stdio "npx -y @modelcontextprotocol/server-everything"', EVERYTHING],
    ['--stdio "npx -y @modelcontextprotocol/server-everything" --port 8001', `--port 8001 ${EVERYTHING}`],
    [
      '--stdio "npx -y @modelcontextprotocol/server-filesystem ./my-folder" --port 8000 --baseUrl http://localhost:8000 --ssePath /sse --messagePath /message',
      '--base-url http://localhost:8000 --sse-path /sse --message-path /message -- npx -y @modelcontextprotocol/server-filesystem ./my-folder',
    ],
    ['--stdio "uvx mcp-server-git" --outputTransport sse', '-- uvx mcp-server-git'],
    ['--stdio "uvx mcp-server-git" --outputTransport streamableHttp --stateful', '-- uvx mcp-server-git'],
    [
      '--stdio "uvx mcp-server-git" --port 8000 --outputTransport streamableHttp --stateful --sessionTimeout 60000 --cors',
      '--idle 60s --cors -- uvx mcp-server-git',
    ],
    [
      '--stdio "uvx mcp-server-git" --output-transport=streamableHttp --stateful=true --session-timeout=60000',
      '--idle 1m -- uvx mcp-server-git',
    ],
    ['--stdio "x y" --streamableHttpPath /api', '--mcp-path /api -- x y'],
    ['--stdio "x y" --healthEndpoint /healthz --healthEndpoint /up', '--health-path /healthz --health-path /up -- x y'],
    ['--stdio "x y" --cors "https://a.example" "https://b.example"', '--cors https://a.example --cors https://b.example -- x y'],
    ['--stdio "x y" --cors "/\\.example\\.com$/"', '--cors "/\\.example\\.com$/" -- x y'],
    ['--stdio "x y" --cors', '--cors "*" -- x y'],
    ['--cors --stdio "x y"', '--cors -- x y'],
    ['--stdio "x y" --header "X-A: 1" --header "X-B: 2: 3"', '--header "X-A: 1" --header "X-B:2: 3" -- x y'],
    ['--stdio "x y" --logLevel none', '--log-level silent -- x y'],
    ['--stdio "x y" --logLevel debug', '-v -- x y'],
    ['--stdio "x y" --logLevel info', '-- x y'],
    ['--stdio "x y" --protocolVersion 2024-11-05 --outputTransport streamableHttp --stateful', '-- x y'],
    ['--port=8009 --stdio="node ./a.js \'b c\'"', '-p 8009 -- node ./a.js "b c"'],
    [
      '--stdio "npx --no-install @modelcontextprotocol/server-everything stdio" --port 17401 --logLevel none',
      '--port 17401 --log-level none -- npx --no-install @modelcontextprotocol/server-everything stdio',
    ],
  ];
  assert.equal(table.length, 20);
  for (const [theirs, ours] of table) assert.deepEqual(meant(theirs), meant(ours), theirs);
  assert.deepEqual([meant(table[5]![0]).servers['git']!.idle, meant(table[5]![0]).http.cors], [60_000, { origins: ['*'], headers: [] }]);
});

test('mcp-proxy, TypeScript and Python: their command lines mean the same here', () => {
  const table: [theirs: string, ours: string][] = [
    ['--port 8080 -- npx -y @modelcontextprotocol/server-everything', `--port 8080 ${EVERYTHING}`],
    [
      '--host 127.0.0.1 --port 17404 -- npx --no-install @modelcontextprotocol/server-everything stdio',
      '--host 127.0.0.1 -p 17404 -- npx --no-install @modelcontextprotocol/server-everything stdio',
    ],
    ['--server sse -- x y', '-- x y'],
    ['--server stream --endpoint /here -- x y', '--mcp-path /here -- x y'],
    ['--server=sse --endpoint=/here -- x y', '--sse-path /here -- x y'],
    ['--sseEndpoint /s --streamEndpoint /t -- x y', '--sse-path /s --mcp-path /t -- x y'],
    [
      '--requestTimeout 300000 --connectionTimeout 60000 --gracefulShutdownTimeout 5000 -- x y',
      '--request-timeout 5m --start-timeout 1m --drain-timeout 5s -- x y',
    ],
    ['--maxBodySize 10485760 -- x y', '--max-body 10MiB -- x y'],
    ['--apiKey "a=b,c" -- x y', '--api-key "a=b,c" -- x y'],
    ['--sessionIdleTimeout 90000 --keepAliveTimeout 1000 --modern -- x y', '--idle 90s -- x y'],
    ['--debug --shell -- "a | b"', '--log-level debug --shell -- "a | b"'],
    ['--corsAddAllowedHeader X-A --cors -- x y', '--cors-header X-A --cors -- x y'],
    [
      '--port 8443 --sslCert a.pem --sslKey a.key --ssl-ca ca.pem -- x y',
      '--port 8443 --tls-cert a.pem --tls-key a.key --tls-client-ca ca.pem -- x y',
    ],
    // Python
    ['--port 8080 -- your-command --arg1 value1 --arg2 value2', '-p 8080 -- your-command --arg1 value1 --arg2 value2'],
    [
      'your-command --port 8080 -e KEY VALUE -e ANOTHER_KEY ANOTHER_VALUE',
      '--port 8080 -e KEY=VALUE -e ANOTHER_KEY=ANOTHER_VALUE -- your-command',
    ],
    ["your-command --port 8080 --allow-origin='*'", '--port 8080 --cors "*" -- your-command'],
    ["--named-server fetch 'uvx mcp-server-fetch' --port 8080", "--server 'fetch=uvx mcp-server-fetch' --port 8080"],
    [
      "--port 8080 --named-server fetch 'uvx mcp-server-fetch' --named-server git 'uvx mcp-server-git' -- x y",
      '--port 8080 --server "fetch=uvx mcp-server-fetch" --server "git=uvx mcp-server-git" -- x y',
    ],
    [
      '--pass-environment --cwd /tmp --log-level WARNING -e A B uvx mcp-server-fetch',
      '--pass-environment --cwd /tmp --log-level warn -e A=B -- uvx mcp-server-fetch',
    ],
    [
      '--no-pass-environment --no-stateless --no-debug --sse-port 8081 --sse-host 127.0.0.1 uvx mcp-server-fetch',
      '-p 8081 --host 127.0.0.1 -- uvx mcp-server-fetch',
    ],
    [
      '--allow-origin https://a.example https://b.example -- uvx mcp-server-fetch',
      '--cors https://a.example --cors https://b.example -- uvx mcp-server-fetch',
    ],
  ];
  assert.equal(table.length, 21);
  for (const [theirs, ours] of table) assert.deepEqual(meant(theirs), meant(ours), theirs);
  assert.deepEqual(meant(table[8]![0]).auth.apiKeys, [{ id: 'key-1', sha256: createHash('sha256').update('a=b,c').digest('hex') }]);
});

test('which MCP the child speaks, and who may share one, are settings of the server', () => {
  const { era, sharing } = meant('-- x').servers['x']!;
  assert.deepEqual([era, sharing], ['auto', 'per-session']);
  for (const value of ['modern', 'legacy', 'auto'] as const)
    for (const name of ['--upstreamProtocol', '--upstream-protocol', '--child-protocol', '--childProtocol'])
      assert.equal(meant(`${name} ${value} -- x`).servers['x']!.era, value);
  for (const value of ['per-session', 'per-identity', 'shared', 'per-request'] as const)
    assert.equal(meant(`--sharing ${value} -- x`).servers['x']!.sharing, value);
  assert.throws(
    () => meant('--upstreamProtocol newer -- x'),
    /^ConfigError: --upstreamProtocol {2}expected one of auto, legacy, modern, got "newer"$/,
  );
  assert.throws(
    () => meant('--sharing all -- x'),
    /^ConfigError: --sharing {2}expected one of per-session, per-identity, shared, per-request, got "all"$/,
  );
});

test('what is not served yet is refused by name, never silently nothing', () => {
  for (const [line, why] of [
    ['--stdio x --outputTransport ws', /--outputTransport ws: .*not part of this release/],
    [
      '--stateless -- x',
      /^--stateless: a session of an older client always has a process of its own; requests of 2026-07-28 .*leave it out/,
    ],
    ['--no-stateful -- x', /^--no-stateful: a session of an older client/],
    ['--no-modern -- x', /^--no-modern: clients of 2026-07-28 are always served.*leave it out.*--child-protocol legacy/],
    ['--modern=false -- x', /^--modern=false: clients of 2026-07-28 are always served/],
    ['--oauth2Bearer secret -- x', /--oauth2Bearer: it guards nothing.*--api-key/],
    ['--sse https://x/sse', /--sse: connecting to a remote server/],
    ['--streamableHttp https://x/mcp', /--streamableHttp: connecting to a remote server/],
    ['https://x/mcp', /connecting to a remote server/],
    ['--tunnel -- x', /cloudflared/],
    ['--expose-header X-A -- x', /--expose-header X-A/],
    ['--endpoint /x -- y', /--endpoint needs --server/],
    ['--stateful=false -- x', /^--stateful=false: a session of an older client/],
    ['x --port 1 --host 0.0.0.0', /behind the command this may be meant for it/],
  ] as const)
    assert.match(refused(line), why, line);
});

test('words behind "--" and the child\'s own options are the child\'s', () => {
  assert.deepEqual(meant('-- x --port 9 -e A B --stateless').servers['x']!.args, ['--port', '9', '-e', 'A', 'B', '--stateless']);
  assert.deepEqual(meant('npx -y thing --port 9 --other').servers['thing']!.args, ['-y', 'thing', '--port', '9', '--other']);
  assert.equal(meant('npx -y thing --port 9').listen.port, 9);
  assert.match(rewrite(['x', '--port', '9']).notes[0]!, /^--port taken as causeway's own/);
  assert.match(rewrite(['x', '--port', '9', '-e', 'KEY=sk-secret']).notes[0]!, /^--port, -e taken/, 'what they take may be a secret');
});

test('a bare number of ten thousand or more is asked for its unit; a number in milliseconds says so', () => {
  assert.match(refused('--request-timeout 300000 -- x'), /means seconds here; write 300000ms or 300s/);
  assert.equal(meant('--requestTimeout 300000 -- x').servers['x']!.requestTimeout, 300_000);
  assert.equal(meant('--request-timeout 300 -- x').servers['x']!.requestTimeout, 300_000);
});

test('an option takes neither "--" nor the next option for its value', () => {
  for (const [line, why] of [
    ['--api-key -- node die.mjs', /^--api-key needs a value/],
    ['--api-key --port 9 -- node x', /^--api-key needs a value/],
    ['--apiKey --port=9 -- node x', /^--apiKey needs a value/],
    ['--name --port 9 -- node x', /^--name needs a value/],
    ['--sessionTimeout --stateful -- node x', /^--sessionTimeout needs a value/],
    ['--protocolVersion --debug -- x', /^--protocolVersion needs a value/],
    ['--outputTransport -- x', /^--outputTransport needs a value/],
    ['--server -- x', /^--server needs a value/],
    ['--endpoint --server sse -- x', /^--endpoint needs a value/],
    ['--named-server fetch -- x', /^--named-server needs a name and a command/],
    ['-e -- node', /^-e needs NAME=VALUE/],
    ['-e FOO -- node', /^-e FOO needs a value/],
    ['-e FOO --port 9 node', /^-e FOO needs a value/],
    ['-p -- node', /^-p needs a value/],
    ['--port', /^--port needs a value/],
    ['--sse -- x', /^--sse: connecting to a remote server/],
    [['--api-key', '', '--', 'x'], /^--api-key needs a value/],
    [['--api-key=', '--', 'x'], /^--api-key needs a value/],
  ] as const)
    assert.match(refused(line), why, String(line));
  assert.equal(meant(['--api-key=--port', '--', 'x']).auth.apiKeys.length, 1);
  assert.deepEqual({ ...meant('-e FOO -x -e BAR=-- -- node').servers['node']!.env }, { FOO: '-x', BAR: '--' });
  assert.throws(() => meant('--port -1 -- x'), /not a port: "-1"/);
  assert.equal(rewrite(['--port', '--help']).help, true);
});

test('commands: one too many, none, names', () => {
  assert.match(refused('--stdio "a b" -- c'), /two commands/);
  assert.match(refused('--name x'), /there is none/);
  assert.match(refused('--stdio ""'), /empty/);
  assert.match(refused('--server nocommand'), /expected NAME=COMMAND/);
  const { servers } = meant('--server "a=x \'1 2\'" --name main -- y z');
  assert.deepEqual(
    [servers['a']!.args, servers['a']!.default, servers['main']!.args, servers['main']!.default],
    [['1 2'], false, ['z'], true],
  );
});
