/** The door for requests without a session over scripted children, with a bus that only notes what is said. */
import { randomBytes } from 'node:crypto';
import { subjects, type CallHead, type Cluster, type DownHead, type Envelope } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import {
  ANONYMOUS,
  classify,
  methodLabel,
  newWorkerId,
  openState,
  readClientBody,
  type Identity,
  type RequestState,
  type StateAudience,
  type WorkerId,
} from '@causeway/protocol';
import { Durations, fakeTime, silentLog, type FakeTime } from '@causeway/runtime';
import { createBreaker } from '../../src/child/breaker.ts';
import { Definitions } from '../../src/definitions.ts';
import { openEras, type Eras } from '../../src/era/eras.ts';
import { CallLimits } from '../../src/session/call-limits.ts';
import { StatelessDoor, type DoorDeps } from '../../src/stateless-door.ts';
import { limits, Nursery, type Message, type ScriptedChild } from '../era/scripted-child.ts';

export interface Told {
  readonly head: DownHead;
  readonly message: Message | undefined;
  /** The same as text. */
  readonly text: string;
}

export interface AskOptions {
  readonly capabilities?: object;
  readonly meta?: object;
  readonly params?: object;
  readonly method?: string;
  readonly identity?: string;
  readonly state?: string;
  /** Of its `Mcp-Param-` headers, by the rest of their names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** It does not come, as yet. */
  readonly lost?: true;
}

export interface StatelessWorld {
  readonly door: StatelessDoor;
  readonly time: FakeTime;
  readonly worker: WorkerId;
  readonly nursery: Nursery;
  /** Sends a request; gives the name of its stream. */
  ask(id: number | string, options?: AskOptions): string;
  /** The request comes once more, late or sent `again`. */
  come(stream: string, again?: true): void;
  /** What was said on a stream. */
  told(stream: string): readonly Told[];
  /** The one answer that was given on a stream. */
  answer(stream: string): Message;
  /** What the edge would read in a state. */
  open(state: string, options?: AskOptions): RequestState | undefined;
  leave(stream: string): void;
  /** Its client has taken everything up to this position. */
  credit(stream: string, seq: number): void;
  /** What was warned of. */
  readonly warned: readonly object[];
  /** Its worker shuts down; as `StatelessDoor.drain`. */
  drain(alone: boolean): Promise<void>;
}

const GREETING = { protocolVersion: '2025-11-25', serverInfo: { name: 's', version: '1' } };
const DISCOVERED = { resultType: 'complete', supportedVersions: ['2026-07-28'], ttlMs: 0, cacheScope: 'private' };
const PREFIX = 'io.modelcontextprotocol/';

/** `auto`: the era is found out as it is in earnest, and children say nothing but what the test has them say. */
export function statelessWorld(
  server: ServerConfig,
  era: 'legacy' | 'modern' | 'auto' = 'legacy',
  capabilities: object = { logging: {} },
  tools: readonly object[] = [],
): StatelessWorld {
  const time = fakeTime();
  const nursery = new Nursery();
  const said = new Map<string, Told[]>();
  const warned: object[] = [];
  const worker = newWorkerId();
  const key = randomBytes(32);
  let draining = false;
  const note = (to: string | undefined, head: DownHead, body?: Buffer): void => {
    const stream = to?.split('.').at(-1) ?? '';
    const message = body && body.length > 0 ? (JSON.parse(body.toString()) as Message) : undefined;
    said.set(stream, [...(said.get(stream) ?? []), { head, message, text: body?.toString() ?? '' }]);
  };
  const bus = { publish: (to: string, { head, body }: Envelope<DownHead>) => note(to, head, body) };
  const deps = {
    worker,
    cluster: { bus, subjects: subjects(), ledger: { workers: () => new Map() } } as unknown as Cluster,
    log: { ...silentLog(), warn: (facts: object) => warned.push(facts) },
    clock: time.clock,
    wheel: time.wheel,
    now: () => time.clock.monotonic(),
    key,
    marks: new Set<string>(),
    servers: new Definitions({ servers: { [server.name]: server }, limits }),
    eras:
      era === 'auto'
        ? foundOut(time, nursery)
        : { modern: async () => era === 'modern', legacy: () => era === 'legacy', learn: () => undefined },
    calls: new CallLimits(() => limits),
    durations: new Durations(time.clock, methodLabel),
    elsewhere: async () => false,
    draining: () => draining,
    mayAct: () => true,
    edges: { hold: () => undefined, release: () => undefined },
    charge: () => undefined,
    streamLimits: { frames: 256, bytes: 1_048_576, credit: { frames: 64, bytes: 1_048_576 } },
    maxMessage: 32 * 1_048_576,
    reply: note,
    limitsOf: () => ({}),
    attempt: () => ({ succeeded: () => undefined, failed: () => undefined, [Symbol.dispose]: () => undefined }),
    admit: async (claim: object) => ({ claim, release: () => undefined }),
    startChild: async (_session: unknown, _server: unknown, listeners: Parameters<Nursery['start']>[0]) =>
      era === 'auto' ? nursery.start(listeners) : greeted(await nursery.start(listeners), capabilities, tools),
  } as unknown as DoorDeps;
  const door = new StatelessDoor(deps);
  let streams = 0;
  const asked = new Map<string, (again?: true) => void>();
  const audience = ({ identity, method = 'tools/call' }: AskOptions = {}): StateAudience => ({
    identity: (identity ?? ANONYMOUS) as Identity,
    server: server.name,
    method,
    name: method === 'tools/call' ? 'ask' : '',
  });
  const open: StatelessWorld['open'] = (state, options) => openState(key, state, audience(options), time.clock.now());
  return {
    door,
    time,
    worker,
    nursery,
    warned,
    drain(alone) {
      draining = true;
      return door.drain(alone);
    },
    ask(id, options = {}) {
      const {
        capabilities = {},
        meta = {},
        params = { name: 'ask', arguments: {} },
        method = 'tools/call',
        identity,
        state,
        headers: repeated,
      } = options;
      const envelope = { [`${PREFIX}protocolVersion`]: '2026-07-28', [`${PREFIX}clientCapabilities`]: capabilities, ...meta };
      const body = {
        jsonrpc: '2.0',
        id,
        method,
        params: { ...params, ...(state === undefined ? {} : { requestState: state }), _meta: envelope },
      };
      const bytes = Buffer.from(JSON.stringify(body));
      const name = method === 'tools/call' ? 'ask' : undefined;
      const headers = { version: '2026-07-28', method, ...(name === undefined ? {} : { name }) };
      const message = classify(readClientBody(bytes), headers);
      if (message === undefined || message === 'ignored') throw new Error('no request of the stateless era');
      const stream = `edge_${++streams}`;
      const opened = state === undefined ? undefined : open(state, options);
      const { id: span, progressToken } = message.frame;
      const head: CallHead = {
        t: 'call',
        server: server.name,
        identity: (identity ?? ANONYMOUS) as Identity,
        stream,
        number: streams,
        frame: { kind: 'request', method, id: span!, ...(progressToken ? { progressToken } : {}) },
        params: message.params.span,
        meta: message.meta.span,
        ...(name === undefined ? {} : { name }),
        ...(repeated === undefined ? {} : { headers: repeated }),
        ...(opened?.parked === undefined ? {} : { parked: opened.parked }),
        ...(opened?.process === undefined ? {} : { process: opened.process }),
        ...(opened === undefined ? {} : { inner: opened.inner ?? '' }),
      };
      const come = (again?: true): void => door.call({ ...head, ...(again && { again }) }, bytes, `cw.e.edge.g.${stream}`);
      asked.set(stream, come);
      if (!options.lost) come();
      return stream;
    },
    come: (stream, again) => asked.get(stream)!(again),
    told: (stream) => said.get(stream) ?? [],
    answer(stream) {
      const answers = (said.get(stream) ?? []).filter(({ head }) => head.t === 'server' && head.last === true);
      if (answers.length !== 1) throw new Error(`${answers.length} answers on ${stream}: ${JSON.stringify(said.get(stream))}`);
      return answers[0]!.message!;
    },
    open,
    leave: (stream) => door.control(stream, { t: 'detach', identity: ANONYMOUS, stream, to: `cw.e.edge.g.${stream}` }, undefined),
    credit: (stream, seq) =>
      door.control(stream, { t: 'credit', identity: ANONYMOUS, stream, to: `cw.e.edge.g.${stream}`, seq }, undefined),
  };
}

function foundOut({ clock, wheel }: FakeTime, nursery: Nursery): Eras {
  const breaker = createBreaker({ now: () => clock.monotonic(), random: () => 0 });
  return openEras({
    ...{ wheel, log: silentLog(), servers: new Definitions({ servers: {}, limits }), others: () => [], update: () => undefined },
    start: (_, listeners) => nursery.start(listeners),
    attempt: (name) => breaker.attempt(name),
  });
}

/** A child that answers its greeting and what belongs to it by itself; the rest is the test's. */
function greeted(child: ScriptedChild, capabilities: object, tools: readonly object[]): ScriptedChild {
  const write = child.write.bind(child);
  child.write = (frame) => {
    const message = JSON.parse(Buffer.from(frame).toString()) as Message;
    const result = own(message, capabilities, tools);
    if (result === undefined) return write(frame);
    const { id } = message;
    if (id !== undefined) queueMicrotask(() => child.say({ id, result }));
    return true;
  };
  return child;
}

function own({ method }: Message, capabilities: object, tools: readonly object[]): Readonly<Record<string, unknown>> | undefined {
  if (method === 'initialize') return { ...GREETING, capabilities };
  if (method === 'server/discover') return { ...DISCOVERED, capabilities };
  if (method === 'tools/list') return { tools };
  return method === 'logging/setLevel' || method === 'notifications/initialized' ? {} : undefined;
}
