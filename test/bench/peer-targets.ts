/** Owns how the peers are started in front of the child: on a free port of loopback, and told to log nothing. */
import { join } from 'node:path';
import type { Route } from './mcp.ts';
import { Started } from './started.ts';
import type { Feature, Ground, Target, TargetKind } from './targets.ts';

interface Peer {
  readonly name: string;
  readonly note?: string;
  readonly serves: readonly Feature[];
  /** The program and its flags; the echo child's command line is the last of them. */
  command(echo: string): readonly string[];
  routes(base: string): Pick<Target, 'route' | 'stateless'>;
}

function peer({ name, note, serves, command, routes }: Peer): TargetKind {
  return {
    name,
    ...(note === undefined ? {} : { note }),
    serves: new Set(serves),
    async start(ground: Ground) {
      const preload = join(import.meta.dirname, 'loopback.cjs');
      const [script, ...flags] = command(ground.echo.command.join(' '));
      const program = join(ground.cache, 'peers/node_modules', script!);
      const started = new Started(ground, name.replaceAll(' ', '-'), [process.execPath, '--require', preload, program, ...flags], 'ipc');
      const { port } = await started.message<{ port: number }>();
      return {
        ...routes(`http://127.0.0.1:${port}`),
        roots: [started.pid],
        [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
      };
    },
  };
}

const supergateway = 'supergateway/dist/index.js';
const mcpProxy = 'mcp-proxy/dist/bin/mcp-proxy.mjs';
const shared = 'one child for all sessions';

/** The yardstick of every ratio. */
export const BASELINE = 'supergateway streamable';

const streamable = (base: string): Route => ({ kind: 'streamable', urls: [`${base}/mcp`] });
const sse = (base: string) => ({ route: { kind: 'sse', urls: [`${base}/sse`] } }) as const;

export const supergatewayStreamable = peer({
  name: BASELINE,
  serves: ['calls', 'large', 'opens', 'memory'],
  command: (echo) => [supergateway, '--stdio', echo, '--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none'],
  routes: (base) => ({ route: streamable(base) }),
});

export const mcpProxyStreamable = peer({
  name: 'mcp-proxy streamable',
  note: shared,
  serves: ['calls', 'large', 'opens', 'memory', 'stateless'],
  command: (echo) => [mcpProxy, '--server', 'stream', '--', ...echo.split(' ')],
  routes: (base) => ({ route: streamable(base), stateless: { kind: 'stateless', urls: [`${base}/mcp`], revision: '2026-07-28' } }),
});

/** The flag is for clients of 2025; those of 2026-07-28 are served alike with and without it. */
export const mcpProxyStateless = peer({
  name: 'mcp-proxy --stateless',
  note: `clients of 2025-06-18 that open no session; ${shared}`,
  serves: ['stateless'],
  command: (echo) => [mcpProxy, '--server', 'stream', '--stateless', '--', ...echo.split(' ')],
  routes: (base) => ({ route: streamable(base), stateless: { kind: 'stateless', urls: [`${base}/mcp`], revision: '2025-06-18' } }),
});

export const supergatewaySse = peer({
  name: 'supergateway sse',
  note: shared,
  serves: ['calls', 'large', 'opens', 'memory'],
  command: (echo) => [supergateway, '--stdio', echo, '--logLevel', 'none'],
  routes: sse,
});

export const mcpProxySse = peer({
  name: 'mcp-proxy sse',
  note: shared,
  serves: ['calls', 'large', 'opens', 'memory'],
  command: (echo) => [mcpProxy, '--server', 'sse', '--', ...echo.split(' ')],
  routes: sse,
});
