/**
 * Owns real Causeway processes in tests: start by the public command line, wait for the log line that says
 * it is ready, stop, and collect what it printed. Every process gets its own process group, which is killed
 * with the test process if a test forgets. Disposal fails if a child of Causeway is left.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNoneWith } from './children.ts';
import { Inbox, within } from './within.ts';

/** The program under test; `CAUSEWAY_BIN` names another one, e.g. a packed release. */
export const BIN = process.env['CAUSEWAY_BIN'] ?? fileURLToPath(new URL('../../packages/causeway/bin/causeway.js', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** Name of the environment variable that marks everything a test process started. */
export const MARK = 'CAUSEWAY_TEST_MARK';

/** A server as written in a configuration file. */
export interface ServerSpec {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly [setting: string]: unknown;
}

/** hostile.mjs with these modes. */
export function hostile(env: Readonly<Record<string, string>> = {}, settings: Readonly<Record<string, unknown>> = {}): ServerSpec {
  return { command: process.execPath, args: [`${FIXTURES}hostile.mjs`], env, ...settings };
}

/** The conformance surface as a server of the 2025 revisions. */
export function stdio2025(): ServerSpec {
  return { command: process.execPath, args: [`${FIXTURES}stdio-2025.ts`] };
}

/** The conformance surface as a server of 2026-07-28, and of the 2025 revisions too if it is `dual`. */
export function stdio2026(...mode: readonly 'dual'[]): ServerSpec {
  return { command: process.execPath, args: [`${FIXTURES}stdio-2026.ts`, ...mode] };
}

export interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly [fact: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** `performance.now()` */
  readonly at: number;
}

/** One process, whether it gets ready or not. */
export interface Launched extends AsyncDisposable {
  readonly pid: number;
  /** The JSON lines of stdout. */
  readonly logs: Inbox<LogLine>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<Exit>;
  /** The same, when all of its output has been read. */
  readonly finished: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** `causeway ARGS…`; does not wait for anything. Dispose: TERM, then KILL of the whole group after 8 s. */
export function launch(args: readonly string[], options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {}): Launched {
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env;
  const child = spawn(process.execPath, [BIN, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const logs = new Inbox<LogLine>();
  const stdout = collect(child.stdout, (line) => {
    const parsed = jsonLine(line);
    if (parsed !== undefined) logs.push(parsed);
  });
  const stderr = collect(child.stderr);
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null, at: performance.now() }));
    child.once('exit', (code, signal) => resolve({ code, signal, at: performance.now() }));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const finished = Promise.all([exited, closed]).then(([exit]) => exit);
  const killGroup = () => signalGroup(child, 'SIGKILL');
  // A test process that is told to end would otherwise skip its exit listeners.
  const leave = () => process.exit(143);
  process.once('exit', killGroup);
  process.once('SIGTERM', leave);
  return {
    pid: child.pid ?? 0,
    logs,
    stdout,
    stderr,
    exited,
    finished,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await within(8_000, 'end after SIGTERM', exited).catch(() => undefined);
      killGroup();
      await exited;
      process.off('exit', killGroup);
      process.off('SIGTERM', leave);
    },
  };
}

export interface CausewayOptions {
  readonly servers?: Readonly<Record<string, ServerSpec>>;
  /** Further settings of the configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Shared by processes of one test; a fresh one by default. */
  readonly mark?: string;
}

export interface Causeway extends Launched {
  /** 0 for a worker. */
  readonly port: number;
  /** Value of MARK in this process and in all its children. */
  readonly mark: string;
  readonly base: string;
  /** Its configuration file. */
  readonly file: string;
  /** Writes that anew, as it was written for the start. */
  write(options: Pick<CausewayOptions, 'servers' | 'config'>): Promise<void>;
  /** URL of a server, e.g. `http://127.0.0.1:4711/servers/hostile/mcp`. */
  url(server: string, door?: 'mcp' | 'sse'): string;
}

/** A process of this role, ready to serve. Rejects with its output if it ends or is not ready within 20 s. */
export async function openCauseway(verb: 'run' | 'edge' | 'worker', options: CausewayOptions = {}): Promise<Causeway> {
  const mark = options.mark ?? randomUUID();
  const directory = await mkdtemp(join(tmpdir(), 'causeway-test-'));
  const file = join(directory, 'causeway.json');
  const write: Causeway['write'] = async ({ servers, config }) => {
    const marked = Object.entries(servers ?? {}).map(([name, server]) => [name, { ...server, env: { ...server.env, [MARK]: mark } }]);
    const whole = {
      diagnostics: false,
      admin: false,
      ...(servers === undefined ? {} : { servers: Object.fromEntries(marked) }),
      ...config,
    };
    await writeFile(file, JSON.stringify(whole, undefined, 2));
  };
  await write(options);
  const flags = verb === 'worker' ? [] : ['--port', '0'];
  const launched = launch([verb, '--config', file, ...flags, ...(options.args ?? [])], {
    env: { ...options.env, [MARK]: mark },
    cwd: directory,
  });
  const dispose = async () => {
    await launched[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
    if (options.mark === undefined) await assertNoneWith(MARK, mark);
  };
  try {
    const { port, protocol } = await ready(launched, verb);
    const base = `${protocol}//127.0.0.1:${port}`;
    const url = (server: string, door: 'mcp' | 'sse' = 'mcp') => `${base}/servers/${server}/${door}`;
    return { ...launched, port, mark, base, file, write, url, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    const output = `stdout:\n${launched.stdout().slice(-3_000)}\nstderr:\n${launched.stderr().slice(-3_000)}`;
    throw new Error(`causeway ${verb} did not get ready: ${(error as Error).message}\n${output}`, { cause: error });
  }
}

async function ready(launched: Launched, verb: 'run' | 'edge' | 'worker'): Promise<{ readonly port: number; readonly protocol: string }> {
  const message = verb === 'worker' ? 'working' : 'listening';
  const gone = launched.exited.then(({ code, signal }): never => {
    throw new Error(`it ended (code ${code}, signal ${signal})`);
  });
  const line = await Promise.race([launched.logs.next(`log line "${message}"`, ({ msg }) => msg === message, 20_000), gone]);
  if (verb === 'worker') return { port: 0, protocol: 'http:' };
  const { port, protocol } = new URL(String(line['url']));
  return { port: Number(port), protocol };
}

function jsonLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function collect(stream: NodeJS.ReadableStream, onLine: (line: string) => void = () => {}): () => string {
  let text = '';
  let seen = 0;
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => {
    text += part;
    for (let end = text.indexOf('\n', seen); end >= 0; end = text.indexOf('\n', seen)) {
      onLine(text.slice(seen, end));
      seen = end + 1;
    }
  });
  return () => text;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
