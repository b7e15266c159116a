/**
 * `causeway tools`, `call` and `client` by the command line alone: against bridges in one process that are found as the
 * user's own, in front of a server from npm, and against an endpoint that is none of ours.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';
import { openLedger, type Ledger } from '../harness/ledger.ts';
import { openOperator, type Operator } from '../harness/operator.ts';
import { hostile, launch, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello } from '../harness/speak.ts';
import { until, within } from '../harness/within.ts';

const everything = {
  command: process.execPath,
  args: [fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))],
};

interface Listed {
  readonly tools: readonly { readonly name: string; readonly inputSchema: unknown }[];
}

describe('tools and calls of a bridge', () => {
  const stack = new AsyncDisposableStack();
  let operator: Operator;
  let ledger: Ledger;
  let bridge: Causeway;
  before(async () => {
    operator = stack.use(await openOperator());
    ledger = stack.use(openLedger());
    bridge = stack.use(
      await openCauseway('run', {
        servers: {
          everything,
          hostile: hostile(ledger.env),
          full: hostile({}, { limits: { sessions: 1 } }),
          broken: { command: process.execPath, args: ['-e', 'console.error("no database here"); process.exit(3)'] },
        },
        config: { admin: { port: 0 } },
        env: operator.env,
      }),
    );
  });
  after(() => stack.disposeAsync());
  const nothingLeft = (): Promise<unknown> =>
    until(10_000, 'the end of the session', async () => ((await operator.run('sessions', '-q')).stdout === '' ? true : undefined));

  it('tools are listed with what they take, by name, and as the server told them', async () => {
    const list = await operator.run('tools', 'everything');
    assert.deepEqual([list.code, list.stderr], [0, '']);
    assert.match(list.stdout, /^NAME +DOES +TAKES\necho +Echoes back the input string +message=string\n/);
    assert.match(list.stdout, /^get-sum +.* a=number b=number$/m);
    const { tools } = (await operator.run('tools', 'everything', '--format', 'json')).json() as Listed;
    assert.partialDeepStrictEqual(tools[0], { name: 'echo', inputSchema: { type: 'object', required: ['message'] } });
    assert.equal((await operator.run('tools', 'everything', '-q')).stdout, tools.map(({ name }) => `${name}\n`).join(''));
    await nothingLeft();
  });

  it('a call prints the texts of its result, or all of it; arguments are what the schema says', async () => {
    const echo = await operator.run('call', 'everything', 'echo', 'message=a = b');
    assert.deepEqual([echo.code, echo.stdout, echo.stderr], [0, 'Echo: a = b\n', '']);
    assert.equal((await operator.run('call', 'everything', 'get-sum', 'a=1', 'b=2.5')).stdout, 'The sum of 1 and 2.5 is 3.5.\n');
    const json = await operator.run('call', 'everything', 'get-sum', '--json', '{"a": 1, "b": 2}', '--format', 'json');
    assert.deepEqual(json.json(), { content: [{ type: 'text', text: 'The sum of 1 and 2 is 3.' }] });
    const image = await operator.run('call', 'everything', 'get-tiny-image');
    assert.match(image.stdout, /^Here's the image you requested:\n/);
    assert.match(image.stderr, /^\d+ bytes of image\/png not shown; --format json has it\n$/);
    const slow = await operator.run('call', 'everything', 'trigger-long-running-operation', 'duration=1', 'steps=2');
    assert.match(slow.stdout, /^Long running operation completed/);
    await nothingLeft();
  });

  it('a tool that says it failed: 5, with its words on stderr, or the result as it is', async () => {
    const failed = await operator.run('call', 'hostile', 'no-such', '--json', '{}');
    assert.deepEqual([failed.code, failed.stdout, failed.stderr], [5, '', 'error: no-such failed\n  unknown tool no-such\n']);
    const json = await operator.run('call', 'hostile', 'no-such', '--json', '{}', '--format', 'json');
    assert.deepEqual([json.code, json.error()], [5, { code: 'tool_error', message: 'no-such failed' }]);
    assert.partialDeepStrictEqual(json.json(), { isError: true });
    const code = '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32000,"message":"no \\u001b[31mdisk"}}';
    const error = await operator.run('call', 'hostile', 'line', `line=${code}`);
    assert.deepEqual([error.code, error.stderr], [5, 'error: line: no \ufffd[31mdisk\n']);
    const crash = await operator.run('call', 'hostile', 'crash');
    assert.equal(crash.code, 5);
    assert.match(crash.stderr, /^error: crash: The MCP server ended .*; nobody knows whether it ran\n/);
  });

  it('what cannot be called is said before the call: 2', async () => {
    for (const [argv, message] of [
      [['tools'], /^error: no server of this bridge is the default; say which\n {2}there are: everything, hostile, full, broken\n$/],
      [['tools', 'evrything'], /^error: there is no server "evrything"\n {2}did you mean "everything"\?\n {2}there are: /],
      [['tools', 'everything', '--url', bridge.url('everything')], /^error: "everything" is one server too many/],
      [['call', 'everything', 'ech'], /^error: there is no tool "ech"; did you mean "echo"\?\n/],
      [['call', 'everything', 'echo'], /^error: echo also needs message\n {2}echo takes: message=string\n$/],
      [['call', 'everything', 'get-sum', 'a=x', 'b=1'], /^error: a=x: expected a number\n/],
      [['call', 'everything', 'echo', 'message', 'x'], /^error: "message" is left over\n {2}arguments are written NAME=VALUE\n$/],
      [['client', 'cursor', 'evrything'], /^error: there is no server "evrything"; did you mean "everything"\?\n/],
    ] as const) {
      const said = await operator.run(...argv);
      assert.deepEqual([said.code, said.stdout], [2, ''], argv.join(' '));
      assert.match(said.stderr, message);
    }
  });

  it('a limit: 6; a server that cannot start: 5, with its last words; a call that takes too long: 4, and it is cancelled', async () => {
    const { headers } = await hello(bridge.url('full'));
    const full = await operator.run('call', 'full', 'echo', 'text=x', '--format', 'json');
    assert.deepEqual([full.code, full.error().code], [6, 'limit.server']);
    await fetch(bridge.url('full'), { method: 'DELETE', headers });
    const broken = await operator.run('tools', 'broken');
    assert.equal(broken.code, 5);
    assert.match(broken.stderr, /^error: .*could not be started.*\n {2}\| no database here\n$/);
    const late = await operator.run('call', 'hostile', 'never', 'nonce=late', '--timeout', '2s');
    assert.deepEqual([late.code, late.stderr], [4, 'error: never does not answer: no answer in time\n']);
    await ledger.next('its cancellation', ({ method }) => method === 'notifications/cancelled');
  });

  it('Ctrl-C cancels the call and ends its session: 130', async () => {
    await using process = launch(['call', 'hostile', 'never', 'nonce=pressed'], { env: operator.env });
    const { pid } = await ledger.next('the call', ({ nonce }) => nonce === 'pressed');
    process.kill('SIGINT');
    const { code } = await within(10_000, 'its end', process.finished);
    assert.deepEqual([code, process.stdout(), process.stderr()], [130, '', 'error: interrupted\n']);
    await ledger.next('its cancellation', (entry) => entry.pid === pid && entry.method === 'notifications/cancelled');
    await nothingLeft();
  });

  it('a shell is told the names of servers, and ids of sessions', async () => {
    assert.equal((await operator.run('completion', 'words', '--', 'call', 'e')).stdout, 'everything\n');
    const { headers } = await hello(bridge.url('hostile'));
    const [id] = (await operator.run('sessions', '-q')).stdout.split('\n');
    assert.equal((await operator.run('completion', 'words', '--', 'sessions', 'kill', id!.slice(0, 3))).stdout, `${id}\n`);
    await fetch(bridge.url('hostile'), { method: 'DELETE', headers });
  });

  it('a client is told where each server is, or the one that was asked for', async () => {
    const all = await operator.run('client', 'cursor');
    const { mcpServers } = all.json() as { mcpServers: Record<string, unknown> };
    assert.deepEqual(Object.keys(mcpServers), ['everything', 'hostile', 'full', 'broken']);
    assert.deepEqual([all.code, all.stderr], [0, 'for .cursor/mcp.json of a project, or ~/.cursor/mcp.json\n']);
    const one = await operator.run('client', 'vscode', 'everything', '--url', bridge.base);
    assert.deepEqual(one.json(), { servers: { everything: { type: 'http', url: bridge.url('everything') } } });
    const told = await operator.run('client', 'claude-code', '--url', bridge.url('everything'), '--header', 'X-A: b');
    assert.deepEqual(told.json(), { mcpServers: { everything: { type: 'http', url: bridge.url('everything'), headers: { 'X-A': 'b' } } } });
    const nameless = await operator.run('client', 'cursor', '--url', 'https://x/mcp');
    assert.equal(nameless.code, 2);
  });
});

it('one server needs no name; where a key is asked for it is given: 3 without; where no bridge runs: 4', async () => {
  await using operator = await openOperator();
  const none = await operator.run('tools', '--format', 'json');
  assert.deepEqual([none.code, none.error().code], [4, 'unreachable']);
  await using bridge = await openCauseway('run', {
    servers: { hostile: hostile() },
    config: { admin: { port: 0 }, auth: { apiKeys: [{ id: 'a', key: 's3cret' }] } },
    env: operator.env,
  });
  for (const argv of [
    ['tools'],
    ['call', 'echo'],
    ['client', 'cursor'],
    ['tools', '--api-key', 'other'],
    ['tools', '--url', bridge.base],
  ]) {
    const said = await operator.run(...argv);
    assert.deepEqual([said.code, said.stdout], [3, ''], argv.join(' '));
    assert.match(said.stderr, /--api-key KEY/);
  }
  for (const more of [
    ['--api-key', 's3cret'],
    ['--header', 'authorization: Bearer s3cret', '--url', bridge.base],
    ['--api-key', 's3cret', '--url', bridge.url('hostile')],
  ])
    assert.equal((await operator.run('call', 'echo', 'text=hello', ...more)).stdout, 'hello\n', more.join(' '));
  const told = await operator.run('client', 'cursor', '--api-key', 's3cret');
  assert.deepEqual(told.json(), { mcpServers: { hostile: { url: bridge.url('hostile'), headers: { Authorization: 'Bearer s3cret' } } } });
});

it('an endpoint of the official SDK that keeps no sessions is asked as well', async () => {
  await using operator = await openOperator();
  const server = createServer((request, response) => {
    void (async () => {
      const mcp = new McpServer({ name: 'other', version: '1' });
      mcp.registerTool('double', { inputSchema: { n: z.number() } }, ({ n }) => ({ content: [{ type: 'text', text: String(2 * n) }] }));
      const transport = new StreamableHTTPServerTransport();
      await mcp.connect(transport);
      await transport.handleRequest(request, response);
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using _ = { [Symbol.asyncDispose]: async () => (server.closeAllConnections(), void server.close()) };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  assert.equal((await operator.run('tools', '--url', url)).stdout, 'NAME    DOES  TAKES\ndouble  -     n=number\n');
  assert.equal((await operator.run('call', 'double', 'n=21', '--url', url)).stdout, '42\n');
  assert.equal((await operator.run('call', 'double', 'n=x', '--url', url)).code, 2);
});
