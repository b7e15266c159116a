/**
 * Owns the stack of docker-compose.yml in tests, as it is, under a name and a port of its own. Invariant: after disposal
 * no container, network or volume of it is left.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import { launch } from '../harness/processes.ts';
import { within } from '../harness/within.ts';
import { docker, ROOT } from './engine.ts';

export interface Container {
  readonly id: string;
  readonly name: string;
}

/** What `causeway demo --format json` says. */
export interface Demo {
  readonly calls: number;
  readonly answered: number;
  readonly served: Readonly<Record<string, number>>;
  readonly story: readonly string[];
  readonly again: { readonly cut: number; readonly refused: number; readonly unknown: number };
  readonly lost: readonly string[];
  readonly ms: { readonly p50: number; readonly p99: number; readonly longest: number };
}

export interface Stack extends AsyncDisposable {
  /** Where the balancer listens. */
  readonly base: string;
  readonly project: string;
  url(server: string, door?: 'mcp' | 'sse'): string;
  /** `docker compose ARGS…` of this stack. */
  compose(...args: readonly string[]): Promise<string>;
  /** The running containers of a service, or of all. */
  containers(service?: string): Promise<readonly Container[]>;
  /** `causeway ARGS… --format json` in the first edge. */
  operator<T>(...args: readonly string[]): Promise<T>;
  /** `causeway demo ARGS…` of this machine, to its end. */
  demo(...args: readonly string[]): Promise<Demo>;
}

/** Milliseconds to build the image and have everything healthy. */
const START = 280_000;

export async function openStack(): Promise<Stack> {
  const project = `causeway-test-${randomBytes(4).toString('hex')}`;
  const port = await freePort();
  const env = {
    COMPOSE_PROJECT_NAME: project,
    CAUSEWAY_PORT: String(port),
    CAUSEWAY_PROMETHEUS_PORT: String(await freePort()),
    CAUSEWAY_IMAGE: 'causeway:test',
  };
  const environment = new DockerComposeEnvironment(ROOT, 'docker-compose.yml')
    .withProjectName(project)
    // Its own reaper is one more image; what is started here is put away below.
    .withAutoCleanup(false)
    .withEnvironment({ ...(process.env as Record<string, string>), ...env })
    .withProfiles('observability')
    .withBuild()
    .withClientOptions({ commandOptions: ['--wait'] })
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(START);
  const compose = (...args: readonly string[]): Promise<string> =>
    docker(['compose', '-p', project, '--profile', 'observability', ...args], env);
  const dispose = async (): Promise<void> => {
    await compose('down', '-v', '--timeout', '5', '--remove-orphans');
  };
  try {
    await within(START, 'the stack', environment.up());
  } catch (error) {
    const logs = await compose('logs', '--tail', '20').catch(String);
    await dispose();
    throw new Error(`the stack did not come up: ${(error as Error).message}\n${logs.slice(-6_000)}`, { cause: error });
  }
  const base = `http://localhost:${port}`;
  const containers = async (service?: string): Promise<readonly Container[]> => {
    const rows = (await compose('ps', '--format', '{{.ID}} {{.Name}}', ...(service === undefined ? [] : [service]))).trim();
    return rows.split('\n').map((row) => ({ id: row.split(' ')[0]!, name: row.split(' ')[1]! }));
  };
  return {
    base,
    project,
    url: (server, door = 'mcp') => `${base}/servers/${server}/${door}`,
    compose,
    containers,
    async operator<T>(...args: readonly string[]): Promise<T> {
      const [edge] = await containers('edge');
      return JSON.parse(await docker(['exec', edge!.id, 'causeway', ...args, '--format', 'json'])) as T;
    },
    async demo(...args) {
      await using process = launch(['demo', '--url', `${base}/mcp`, '--format', 'json', ...args], { cwd: ROOT, env });
      const { code } = await within(120_000, 'the end of the demo', process.exited);
      if (code !== 0) throw new Error(`causeway demo: code ${code}\n${process.stdout()}\n${process.stderr()}`);
      return JSON.parse(process.stdout()) as Demo;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
