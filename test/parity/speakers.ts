/**
 * Owns the ways to speak to a stdio server that parity compares: straight over stdio, and by each official
 * client over the bridge. All of them announce the same capabilities and answer questions in the same way, and
 * none lets a schema drop a field.
 */
import {
  Client as NextClient,
  StreamableHTTPClientTransport as NextTransport,
  type Transport as NextAnyTransport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport as NextStdioTransport } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Fetch } from '../harness/rotating.ts';

/** One step of a script. */
export interface Ask {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Compare the progress that comes with it. */
  readonly progress?: boolean;
  /** What a client of the other era hears is another thing by nature. */
  readonly eras?: 'differ';
  /** Asked again until this holds: a server does something by itself first. */
  readonly until?: (said: Said) => boolean;
}

/** What came back: a result or an error, and the progress on the way. */
export interface Said {
  readonly result?: unknown;
  readonly error?: { readonly code: unknown; readonly message: string; readonly data: unknown };
  readonly progress?: readonly unknown[];
}

export interface Speaker extends AsyncDisposable {
  /** It speaks 2026-07-28. */
  readonly modern: boolean;
  /** What the server said of itself: name, capabilities, instructions. */
  readonly server: unknown;
  ask(step: Ask): Promise<Said>;
}

const INFO = { name: 'parity', version: '1.0.0' };
const CAPABILITIES = { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } };
const ROOTS = { roots: [{ uri: 'file:///', name: 'everything' }] };
const SAMPLED = { model: 'parity', role: 'assistant' as const, content: { type: 'text' as const, text: 'sampled' } };
const ELICITED = {
  action: 'accept' as const,
  content: { name: 'Ada', check: true, ok: true, response: 'yes', color: 'blue', context: 'rain' },
};
const ANY = z.looseObject({});

interface AnyClient {
  request(
    request: { method: string; params?: Record<string, unknown> },
    schema: typeof ANY,
    options?: { onprogress?: () => void },
  ): Promise<unknown>;
  getServerVersion(): unknown;
  getServerCapabilities(): unknown;
  getInstructions(): unknown;
  getNegotiatedProtocolVersion?(): string | undefined;
  close(): Promise<void>;
}

interface Tapped {
  onmessage?: unknown;
}

/**
 * Records progress where frames arrive: the 1.x client drops a progress that comes in one read with the answer
 * (it handles answers at once and notifications in a later turn).
 */
function tapProgress(transport: Tapped): unknown[] {
  const steps: unknown[] = [];
  const deliver = transport.onmessage as (...given: readonly unknown[]) => void;
  const onmessage = (message: { readonly method?: string; readonly params?: Record<string, unknown> }, ...rest: readonly unknown[]) => {
    if (message.method === 'notifications/progress') {
      const { progressToken: _token, ...step } = message.params ?? {};
      steps.push(step);
    }
    deliver(message, ...rest);
  };
  Object.assign(transport, { onmessage });
  return steps;
}

function speaker(client: AnyClient, transport: Tapped, end: () => Promise<void> = async () => {}): Speaker {
  const steps = tapProgress(transport);
  return {
    modern: client.getNegotiatedProtocolVersion?.() === '2026-07-28',
    server: { info: client.getServerVersion(), capabilities: client.getServerCapabilities(), instructions: client.getInstructions() },
    async ask({ method, params, progress }) {
      steps.length = 0;
      const options = progress ? { onprogress: () => {} } : {};
      const said = await client.request({ method, ...(params === undefined ? {} : { params: { ...params } }) }, ANY, options).then(
        (result): Said => ({ result }),
        (error: Error & { code?: unknown; data?: unknown }): Said => ({
          // The 1.x client puts the code in front of the text, as the 1.x server has done already.
          error: { code: error.code, message: error.message.replace(/^(?:MCP error -?\d+: )+/, ''), data: error.data },
        }),
      );
      return progress ? { ...said, progress: [...steps] } : said;
    },
    async [Symbol.asyncDispose]() {
      await end();
      await client.close();
    },
  };
}

async function firstGeneration(transport: Transport, end?: () => Promise<void>): Promise<Speaker> {
  const client = new Client(INFO, CAPABILITIES);
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED);
  client.setRequestHandler(ElicitRequestSchema, () => ELICITED);
  await client.connect(transport);
  return speaker(client, transport, end);
}

/** Straight to the server, with the official stdio client: the truth that the others are compared with. */
export function overStdio(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Speaker> {
  return firstGeneration(
    new StdioClientTransport({ command, args: [...args], env: { PATH: process.env['PATH'] ?? '', ...env }, stderr: 'ignore' }),
  );
}

/** The 1.x client over Streamable HTTP; ends its session with DELETE. */
export function overStreamable(url: string, fetch?: Fetch): Promise<Speaker> {
  const transport = new StreamableHTTPClientTransport(new URL(url), fetch === undefined ? {} : { fetch });
  return firstGeneration(transport, () => transport.terminateSession());
}

/** The 1.x client over HTTP+SSE. */
export function overSse(url: string, fetch?: Fetch): Promise<Speaker> {
  return firstGeneration(new SSEClientTransport(new URL(url), fetch === undefined ? {} : { fetch }));
}

/** How a 2.x client finds the era: `legacy` is its default, `auto` asks, a revision is all that it speaks. */
export type Mode = 'legacy' | 'auto' | '2026-07-28';

async function secondGeneration(transport: NextAnyTransport, mode: Mode, end?: () => Promise<void>): Promise<Speaker> {
  const negotiation = mode === '2026-07-28' ? { pin: mode } : mode;
  const client = new NextClient(INFO, { ...CAPABILITIES, versionNegotiation: { mode: negotiation } });
  client.setRequestHandler('roots/list', () => ROOTS);
  client.setRequestHandler('sampling/createMessage', () => SAMPLED);
  client.setRequestHandler('elicitation/create', () => ELICITED);
  await client.connect(transport);
  return speaker(client, transport, end);
}

/** The 2.x client over Streamable HTTP. */
export function overNext(url: string, fetch?: Fetch, mode: Mode = 'legacy'): Promise<Speaker> {
  const transport = new NextTransport(new URL(url), fetch === undefined ? {} : { fetch });
  return secondGeneration(transport, mode, mode === 'legacy' ? () => transport.terminateSession() : undefined);
}

/** Straight to a server of 2026-07-28. */
export function overNextStdio(command: string, args: readonly string[]): Promise<Speaker> {
  const transport = new NextStdioTransport({ command, args: [...args], env: { PATH: process.env['PATH'] ?? '' }, stderr: 'ignore' });
  return secondGeneration(transport, '2026-07-28');
}
