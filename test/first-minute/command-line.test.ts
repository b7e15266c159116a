/**
 * The command line as a person meets it: what is wrong is said in a line or two, with a hint, a known exit code
 * and no stack, and nothing was started.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLedger } from '../harness/ledger.ts';
import { launch, type Exit } from '../harness/processes.ts';
import { hello, post, textOf, toolCall } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));

describe('the command line', { concurrency: 4 }, () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'causeway-first-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
  });
  after(async () => {
    // Every server with this ledger stands in a command line that is refused.
    const starts = await ledger.starts();
    await stack.disposeAsync();
    assert.equal(starts, 0, 'a refused command line started a child');
  });

  interface Ended extends Exit {
    readonly stdout: string;
    readonly stderr: string;
  }

  /** Runs a command line to its end, within 15 s, in an empty directory. */
  async function ended(...args: readonly string[]): Promise<Ended> {
    await using process = launch(args, { cwd: directory });
    const exit = await within(15_000, `the end of causeway ${args.join(' ')}`, process.finished);
    return { ...exit, stdout: process.stdout(), stderr: process.stderr() };
  }

  function assertPlainly({ code, stderr, stdout }: Ended, expected: number, ...says: readonly RegExp[]): void {
    assert.equal(code, expected, `${stderr}\n${stdout}`);
    for (const said of says) assert.match(stderr, said);
    assert.doesNotMatch(`${stderr}${stdout}`, /\bat .*:\d+:\d+|node:internal|Error: /, 'no stack');
    assert.ok(stderr.split('\n').length <= 8, `${stderr.split('\n').length} lines: ${stderr}`);
  }

  const server = ['-e', `LEDGER=${ledger.env['LEDGER']}`, '--', process.execPath, HOSTILE];

  it('a NATS server that is not there: 4, its address', async () => {
    await using holder = createServer();
    holder.listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    holder.close();
    await using process = launch(['edge', '--port', '0', '--nats', `nats://127.0.0.1:${port}`], { cwd: directory });
    const { code } = await within(60_000, 'the end of an edge without NATS', process.finished);
    assert.equal(code, 4, process.stderr());
    assert.match(process.stderr() + process.stdout(), new RegExp(String(port)));
  });

  it('a command that does not exist: 127, its name, a hint', async () => {
    assertPlainly(await ended('run', '--port', '0', '--', 'uvxx', 'mcp-server-git'), 127, /uvxx/, /not found/, /uvx\b/);
    assertPlainly(await ended('--port', '0', '--stdio', 'no-such-program-here --flag'), 127, /no-such-program-here/, /not found/);
  });

  it('a port in use: 1, the port, what to do instead', async () => {
    await using holder = createServer();
    holder.listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    assertPlainly(await ended('run', '--port', String(port), ...server), 1, new RegExp(`port ${port} is in use`), /--port/);
  });

  it('an unknown option: 2, a suggestion', async () => {
    assertPlainly(await ended('run', '--prot', '0', ...server), 2, /--prot/, /--port/);
  });

  it('an unknown option of a role: 2', async () => {
    assertPlainly(await ended('edge', '--natz', 'nats://127.0.0.1:4222'), 2, /--natz/, /--nats/);
  });

  it('a mistyped verb: 2, a suggestion, and how to mean a program', async () => {
    assertPlainly(await ended('wroker'), 2, /wroker/, /worker/, /causeway -- wroker/);
  });

  it('nothing to run at all: 2, and what to write', async () => {
    assertPlainly(await ended('run', '--port', '0'), 2, /--config|COMMAND/);
  });

  it('a role without a bus: 2, and the option', async () => {
    assertPlainly(await ended('edge', '--port', '0'), 2, /--nats/);
    assertPlainly(await ended('worker', '--config', join(directory, 'none.json')), 2, /none\.json|--nats/);
  });

  it('a public address in a file alone is refused', async () => {
    const file = join(directory, 'public.json');
    await writeFile(
      file,
      JSON.stringify({ listen: '0.0.0.0:0', servers: { s: { command: process.execPath, args: [HOSTILE], env: ledger.env } } }),
    );
    const { code, stderr } = await ended('run', '--config', file);
    assert.ok(code === 2 || code === 78, `${code} ${stderr}`);
    assert.match(stderr, /--host/);
  });

  it('faults of a file are named together, with file, line and column, and a suggestion', async () => {
    const file = join(directory, 'faults.yaml');
    await writeFile(file, 'servers:\n  git:\n    comand: uvx\n  time:\n    command: uvx\n    idle: soon\nlog: { level: loud }\n');
    const { code, stderr } = await ended('run', '--config', file);
    assert.equal(code, 2, stderr);
    for (const said of [/faults\.yaml:3:5/, /command/, /faults\.yaml:6:/, /faults\.yaml:7:/]) assert.match(stderr, said);
  });

  it('a child that never answers initialize: its deadline, and what may help', async () => {
    const result = await ended('run', '--port', '0', '--start-timeout', '1s', '-e', 'SILENT=1', '--', process.execPath, HOSTILE);
    assert.equal(result.code, 5, result.stderr);
    assert.match(result.stderr, /initialize/);
  });

  it('a child that fails at its start: 5, its exit code and its last words', async () => {
    const result = await ended('run', '--port', '0', '-e', 'CRASH_AT_START=3', '--', process.execPath, HOSTILE);
    assert.equal(result.code, 5, result.stderr);
    assert.match(result.stderr, /\b3\b/);
    assert.match(result.stderr, /the fixture was told to fail/);
  });

  it('a script of Node that does not exist: the error itself, not its stack', async () => {
    const { code, stderr } = await ended('run', '--port', '0', '--', process.execPath, 'gone.js');
    assert.equal(code, 5, stderr);
    assert.match(stderr, /Cannot find module .*gone\.js/);
    assert.doesNotMatch(stderr, /^\s*\|\s*at /m);
  });

  it('--version and --help answer on stdout; the help fits a screen', async () => {
    const version = await ended('--version');
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
    const help = await ended('--help');
    assert.equal(help.code, 0);
    assert.ok(help.stdout.split('\n').length <= 41);
    const all = await ended('--help', '--all');
    for (const flag of ['--output-transport', '--session-timeout', '--max-body', 'CAUSEWAY_NATS_URL', '127'])
      assert.ok(all.stdout.includes(flag), flag);
  });

  /** Starts, waits until it listens, and calls a tool at `path`. */
  async function serves(args: readonly string[], path: string): Promise<void> {
    await using process = launch(args, { cwd: directory });
    const { url } = await process.logs.next('listening', ({ msg }) => msg === 'listening', 15_000);
    const target = new URL(path, String(url)).href;
    const { headers } = await hello(target);
    assert.equal(textOf((await post(target, toolCall(1, 'echo', { text: 'hi' }), headers)).messages.at(-1)), 'hi');
  }

  const line = `${process.execPath} ${HOSTILE}`;
  const lines: readonly (readonly [string, readonly string[], string])[] = [
    [
      'of supergateway',
      [
        '--stdio',
        line,
        '--port',
        '0',
        '--outputTransport',
        'streamableHttp',
        '--stateful',
        '--sessionTimeout',
        '60000',
        '--cors',
        '--logLevel',
        'info',
        '--healthEndpoint',
        '/healthy',
      ],
      '/mcp',
    ],
    ['of supergateway with paths', ['--stdio', line, '--port', '0', '--streamableHttpPath', '/git'], '/git'],
    [
      'of mcp-proxy',
      ['--port', '0', '--host', '127.0.0.1', '--server', 'stream', '--requestTimeout', '30000', '--', process.execPath, HOSTILE],
      '/mcp',
    ],
    ['of the Python mcp-proxy', ['--port', '0', '--named-server', 'one', line, '--', process.execPath, HOSTILE], '/servers/one/mcp'],
    ['without a verb', ['--port', '0', '--', process.execPath, HOSTILE], '/mcp'],
    ['with a name', ['run', '--port', '0', '--name', 'mine', '--', process.execPath, HOSTILE], '/servers/mine/mcp'],
  ];
  for (const [name, args, path] of lines) {
    it(`a command line ${name} works`, () => serves(args, path));
  }

  it("a client's file works as it is: comments, trailing commas, remote entries", async () => {
    const file = join(directory, 'claude_desktop_config.json');
    await writeFile(
      file,
      `{
  // written by hand
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "first": { "command": ${JSON.stringify(process.execPath)}, "args": [${JSON.stringify(HOSTILE)}], "env": { "A": "1", }, },
    "second": { "type": "stdio", "command": ${JSON.stringify(process.execPath)}, "args": [${JSON.stringify(HOSTILE)}], "disabled": false, "autoApprove": ["x"] },
    "remote": { "url": "https://example.com/mcp" }, /* not ours */
  },
}`,
    );
    await serves(['run', '--port', '0', '--config', file], '/servers/first/mcp');
    await serves(['--config', file, '--port', '0'], '/servers/second/mcp');
  });

  it('the file of VS Code works as it is', async () => {
    const file = join(directory, 'mcp.json');
    await writeFile(
      file,
      `{ "inputs": [], "servers": { "code": { "type": "stdio", "command": "\${env:TEST_NODE}", "args": ["${HOSTILE}"], "dev": { "watch": "x" } } } }`,
    );
    await using bridge = launch(['--config', file, '--port', '0'], { cwd: directory, env: { TEST_NODE: process.execPath } });
    const { url } = await bridge.logs.next('listening', ({ msg }) => msg === 'listening', 15_000);
    await hello(new URL('/servers/code/mcp', String(url)).href);
  });
});
