/** Owns the settings of an edge in tests: a free port on loopback, nobody asked, no other listener. */
import type { EdgeOptions } from '../src/index.ts';

export const edgeOptions: EdgeOptions = {
  listen: { host: '127.0.0.1', port: 0 },
  diagnostics: { host: '127.0.0.1', port: false },
  http: { allowedHosts: [], allowedOrigins: [], cors: false, maxBody: 4096, headers: {}, healthPaths: [], paths: {} },
  auth: { apiKeys: [], identityProxies: [], anonymousBy: 'none' },
  streams: {
    heartbeat: 15_000,
    journalFrames: 256,
    journalBytes: 1 << 20,
    journalAge: 300_000,
    workerJournalBytes: 1 << 28,
    creditFrames: 64,
    creditBytes: 1 << 20,
    retry: 1000,
    maxMessage: 1 << 25,
  },
  drain: { timeout: 1000, delay: 0 },
};
