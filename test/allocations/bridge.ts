/**
 * Owns a bridge in one process whose world costs as little as it can: a worker whose children answer at once, in memory of
 * their own, and clients that read nothing. What is measured of a call through it is the bridge's.
 */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { openMemoryCluster, type MemoryCluster } from '@causeway/cluster';
import { silentLog, type Clock, type Wheel } from '@causeway/runtime';
import { openWorker, type Child, type ChildExit, type ChildListeners, type Machine } from '@causeway/worker';
import { workerOptions } from '../simulation/options.ts';

const EXIT: ChildExit = { code: 0, signal: null, stderr: [] };
const [HEAD, TAIL] = [
  Buffer.from('{"jsonrpc":"2.0","id":'),
  Buffer.from(`,"result":{"content":[{"type":"text","text":"${'x'.repeat(200)}"}]}}`),
];
const CAPABILITIES = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1' } };
const COMMA = 0x2c;

/** The messages that it is sent begin with HEAD. */
class EchoChild implements Child {
  readonly pid = 1;
  readonly #listeners: ChildListeners;

  constructor(listeners: ChildListeners) {
    this.#listeners = listeners;
  }

  write(frame: Buffer): boolean {
    const end = frame.indexOf(COMMA, HEAD.length);
    if (frame.includes('"initialize"')) setImmediate(print, this.#listeners, initialized(frame.toString('utf8', HEAD.length, end)));
    else if (!frame.includes('"notifications/')) setImmediate(print, this.#listeners, answer(frame, end));
    return true;
  }

  noise(): void {}
  pause(): void {}
  resume(): void {}
  flush(): void {}

  lastWords(): readonly string[] {
    return EXIT.stderr;
  }

  async stop(): Promise<ChildExit> {
    this.#listeners.exit(EXIT);
    return EXIT;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function print({ line }: ChildListeners, bytes: Buffer): void {
  line(bytes);
}

function answer(frame: Buffer, end: number): Buffer {
  const line = Buffer.allocUnsafe(end + TAIL.length);
  line.set(HEAD);
  frame.copy(line, HEAD.length, HEAD.length, end);
  line.set(TAIL, end);
  return line;
}

const initialized = (id: string): Buffer => Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(CAPABILITIES)}}`);

/** `time`: the worker's; `tools`: so many are told apart by its figures. */
export async function bridgeWith(time: { readonly clock: Clock; readonly wheel: Wheel }, tools = 0): Promise<MemoryCluster> {
  const cluster = await openMemoryCluster();
  const { clock, wheel } = time;
  const machine: Machine = {
    ...{ clock, wheel },
    random: () => 0.5,
    start: async (_session, _server, listeners) => new EchoChild(listeners),
    sweep: async () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }),
  };
  await openWorker({ cluster, log: silentLog(), machine }, { ...workerOptions({ grace: 0, total: undefined }), diagnostics: { tools } });
  return cluster;
}

/** A client's end of an answer, as the edge's handlers know it. */
export class Ear extends EventEmitter {
  headersSent = false;
  destroyed = false;
  writableEnded = false;
  readonly writableNeedDrain = false;
  readonly req = { complete: true, headers: {} };
  readonly #ended: (ear: Ear) => void;
  headers: Readonly<Record<string, string | number>> | undefined;
  status = 0;

  constructor(ended: (ear: Ear) => void) {
    super();
    this.#ended = ended;
  }

  get forEdge(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  writeHead(status: number, headers: Ear['headers']): this {
    this.headersSent = true;
    this.status = status;
    this.headers = headers;
    return this;
  }

  flushHeaders(): void {}

  write(): boolean {
    return true;
  }

  end(): void {
    this.writableEnded = true;
    setImmediate(leave, this, this.#ended);
  }
}

function leave(ear: Ear, ended: (ear: Ear) => void): void {
  ear.destroyed = true;
  ear.emit('close');
  ended(ear);
}
