/** Owns the configuration of simulated services: the defaults, where a schedule can be long enough for them. */
import { loadConfig, type ServerConfig } from '@causeway/config';
import type { EdgeOptions } from '@causeway/edge';
import type { WorkerOptions } from '@causeway/worker';

/** Milliseconds of one call: at its server, and with what an edge waits longer (`services/edge/src/servers.ts`), and a client longer still. */
const REQUEST = 15_000;
export const DEADLINE = REQUEST + 10_000;

const server = (name: string, recovery: ServerConfig['recovery']): ServerConfig => ({
  name,
  command: 'simulated',
  args: [],
  env: {},
  passEnvironment: false,
  noNewPrivileges: true,
  shell: false,
  startTimeout: 10_000,
  requestTimeout: REQUEST,
  idle: 1_800_000,
  age: 86_400_000,
  limits: {},
  sharing: 'per-session',
  warm: 0,
  pool: { max: 16, idle: 300_000, parked: 180_000 },
  default: false,
  era: 'auto',
  recovery,
});

const { streams } = loadConfig({ value: {}, env: {}, cwd: '/', servers: false }).config;

export interface Variation {
  /** Milliseconds for which sessions outlive a lease that ran out. */
  readonly grace: number;
  /** Sessions of the whole cluster. */
  readonly total: number | undefined;
}

export const workerOptions = ({ grace, total }: Variation): WorkerOptions => ({
  diagnostics: { tools: 0 },
  servers: { again: server('again', 'restart'), once: server('once', 'end') },
  limits: { callsPerSession: 64, callsPerIdentity: 256, ...(total === undefined ? {} : { sessions: total }) },
  worker: { grace, capacity: 100, spawnConcurrency: 8, spawnQueue: 64, lineBytes: 1 << 20, stdinBytes: 1 << 20, stdinFrames: 256 },
  streams,
  drain: { timeout: 10_000, delay: 0 },
});

export const edgeOptions: EdgeOptions = {
  listen: { host: '127.0.0.1', port: 0 },
  diagnostics: { host: '127.0.0.1', port: false, tools: 0 },
  http: { allowedHosts: [], allowedOrigins: [], cors: false, maxBody: 4096, maxConnections: 1000, headers: {}, healthPaths: [], paths: {} },
  auth: { apiKeys: [], identityProxies: [], anonymousBy: 'none' },
  streams,
  drain: { timeout: 1000, delay: 0 },
};
