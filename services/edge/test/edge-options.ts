/** Owns the settings of an edge in tests: a free port on loopback, nobody asked, no other listener. */
import { loadConfig } from '@causeway/config';
import type { EdgeOptions } from '../src/index.ts';

/** As they are by default. */
const { streams } = loadConfig({ value: {}, env: {}, cwd: '/', servers: false }).config;

export const edgeOptions: EdgeOptions = {
  listen: { host: '127.0.0.1', port: 0 },
  diagnostics: { host: '127.0.0.1', port: false, tools: 0 },
  http: { allowedHosts: [], allowedOrigins: [], cors: false, maxBody: 4096, maxConnections: 1000, headers: {}, healthPaths: [], paths: {} },
  auth: { apiKeys: [], identityProxies: [], anonymousBy: 'none' },
  streams,
  drain: { timeout: 1000, delay: 0 },
};
