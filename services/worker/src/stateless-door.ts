/**
 * Owns the requests of the stateless era at this worker: each is given a response, a child that suits it, and the way of
 * its server's era.
 *
 * Invariants: a request belongs to no session and holds nothing after its answer but, for a moment, the answer, and, while it
 * waits for its client, its child; every one is answered once; while the worker shuts down nothing is begun, and what waits may
 * go on.
 */
import { Envelope, type CallHead, type ChangedHead, type Cluster, type ControlHead } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import { asCausewayError, CausewayError, ERRORS } from '@causeway/protocol';
import { Register } from '@causeway/runtime';
import type { Definitions } from './definitions.ts';
import type { EraDeps } from './era/deps.ts';
import type { Eras } from './era/eras.ts';
import { LegacyCall } from './era/modern-over-legacy.ts';
import { callModern } from './era/modern-over-modern.ts';
import { EraRefused } from './pool/greet.ts';
import { servesOne } from './pool/lease.ts';
import type { Pool } from './pool/pool.ts';
import type { Era } from './pool/pooled-process.ts';
import { Pools, type PoolsDeps } from './pool/pools.ts';
import type { SessionDeps } from './session/deps.ts';
import type { StreamPorts } from './session/stream-ports.ts';
import { Changes } from './stateless/changes.ts';
import { CallWindows } from './stateless/call-windows.ts';
import { describe } from './stateless/description.ts';
import { Listens } from './stateless/listen.ts';
import { ParkedCalls } from './stateless/parked-calls.ts';
import { readRequest, sameArguments, type StatelessRequest } from './stateless/request.ts';
import { Response } from './stateless/response.ts';
import type { ResponseDeps } from './stateless/response-ports.ts';
import { SentAnswers } from './stateless/sent-answers.ts';
import { ToolHeaders } from './stateless/tool-headers.ts';

export interface DoorDeps
  extends Omit<ResponseDeps, 'streamPorts' | 'sent'>, Omit<EraDeps, 'parked'>, Omit<PoolsDeps, 'heard' | 'lapsed' | 'inForce'> {
  readonly cluster: Cluster;
  readonly charge: StreamPorts['charge'];
  readonly servers: Pick<Definitions, 'get' | 'inForce'>;
  readonly eras: Eras;
  readonly calls: SessionDeps['calls'];
  readonly draining: () => boolean;
}

/** Milliseconds after which a request that still waits for its child is said to be accepted, so that its reader is kept warm. */
const SLOW = 1_000;
const OTHER_ARGUMENTS = 'Invalid params: a request with a requestState repeats the arguments of the one that it goes on with.';

export class StatelessDoor {
  readonly #deps: DoorDeps & EraDeps & ResponseDeps;
  readonly #running = new Register<string, Response>();
  readonly #listens: Listens;
  readonly #parked: ParkedCalls;
  readonly #sent: SentAnswers;
  readonly #windows = new CallWindows();
  readonly #tools = new ToolHeaders();
  readonly #changes: Changes;
  readonly pools: Pools;

  constructor(deps: DoorDeps) {
    this.#parked = new ParkedCalls(deps.wheel);
    this.#sent = new SentAnswers(deps);
    this.#deps = { ...deps, parked: this.#parked, sent: this.#sent, streamPorts: portsOf(deps) };
    this.#listens = new Listens(deps.wheel);
    this.#changes = new Changes(deps, { tools: this.#tools, listens: this.#listens });
    this.pools = new Pools({
      ...deps,
      heard: (pool, frame, process) => this.#changes.heard(pool, frame, process),
      lapsed: ({ order }) => this.#tools.forget(order.server.name),
      inForce: (server) => deps.servers.inForce(server),
    });
  }

  /** A request; `to`: where its edge listens. */
  call(head: CallHead, body: Buffer, to: string): void {
    const { calls, servers, draining, mayAct, reply } = this.#deps;
    const known = this.#running.get(head.stream);
    // An edge that heard nothing asks again: it is running.
    if (known) return reply(to, { t: 'ok' });
    const again = head.again === true;
    const edge = to.slice(0, to.lastIndexOf('.'));
    if (!this.#windows.isNew(edge, head.number, again)) {
      const attach = { t: 'attach', identity: head.identity, stream: head.stream } as const;
      // What comes twice by itself has its answer, or will.
      if (again && !this.#sent.attach(attach, to)) reply(to, { t: 'no', reason: 'cluster.owner_lost' });
      return;
    }
    const { meta, params } = readRequest(head, body);
    let release = (): void => undefined;
    const response: Response = new Response(this.#deps, { head, body, logLevel: meta.logLevel, to }, () => {
      this.#running.delete(head.stream);
      release();
    });
    this.#running.set(head.stream, response);
    const fail = (error: unknown): void => {
      if (response.untouched && ERRORS[asCausewayError(error).reason].executed === 'no') this.#windows.refused(edge, head.number);
      this.#fail(response, error);
    };
    try {
      const server = servers.get(head.server) ?? this.#parked.serverOf(head.parked, head.server);
      if (!server) throw new CausewayError('server.unknown');
      if (draining() && head.parked === undefined) throw new CausewayError('cluster.draining', { retryAfter: 1 });
      if (!mayAct()) throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
      calls.assertRoom(0, head.share);
      release = calls.hold(response, head.share);
      const request = { server, head, body, method: head.frame.method ?? '', meta, params, response };
      this.#serve(request).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  /** A word about the stream of a response. */
  control(stream: string, head: ControlHead, reply: string | undefined): void {
    const response = this.#running.get(stream);
    if (response) response.control(head, reply);
    else if (head.t === 'attach' && !this.#sent.attach(head, reply)) this.#deps.reply(reply, { t: 'no', reason: 'request.event_id' });
  }

  /** A frame of a response reached nobody; as `Response.lost`. */
  lost(stream: string, attachment: number, seq: number, disowned: boolean): void {
    this.#running.get(stream)?.lost(attachment, seq, disowned);
  }

  /** Another worker's child has noticed a change. */
  changed(head: ChangedHead): void {
    this.#changes.changed(head);
  }

  /** Servers are defined otherwise, or not at all: their subscriptions end, and their children once nobody uses them. */
  replaced(servers: readonly string[]): void {
    for (const server of servers) {
      this.#tools.forget(server);
      this.#listens.close(server);
    }
    this.pools.retire();
  }

  /** The bus is back. */
  resume(): void {
    for (const response of this.#running.values()) response.resume();
  }

  /**
   * Subscriptions end; resolves when what runs is answered, and what waits for its client has gone on and been answered.
   * `alone`: no client can come back any more, and nothing waits.
   */
  async drain(alone: boolean): Promise<void> {
    this.#listens.close();
    // A call that goes on runs, and one that runs may ask.
    for (;;) {
      if (alone) this.#endWaiting();
      if (this.#running.size + this.#parked.size === 0) return;
      await Promise.all([alone || this.#parked.empty(), ...[...this.#running.values()].map(({ ended }) => ended)]);
    }
  }

  /** Ends everything: the worker goes, or may not act any more. Resolves when no child is left. */
  async close(why: CausewayError): Promise<void> {
    this.#endWaiting();
    await this.pools.discard(why);
  }

  /** What lasts, and what waits for its client. */
  #endWaiting(): void {
    this.#listens.close();
    for (const call of this.#parked.takeAll()) call.expire();
  }

  async #serve(request: StatelessRequest): Promise<void> {
    const { head, response, server } = request;
    if (head.parked !== undefined) return this.#goOn(head.parked, request);
    const slow = this.#deps.wheel.after(SLOW, () => response.accepted());
    try {
      await this.#serveBy(await this.#era(server), request);
    } catch (error) {
      // It was believed to be of the other era.
      if (!(error instanceof EraRefused)) throw error;
      this.#deps.eras.learn(server, error.proved);
      const era = await this.#era(server);
      if (era === error.era) throw error;
      await this.#serveBy(era, request);
    } finally {
      slow();
    }
  }

  async #era(server: ServerConfig): Promise<Era> {
    return (await this.#deps.eras.modern(server)) ? 'modern' : 'legacy';
  }

  async #serveBy(era: Era, request: StatelessRequest): Promise<void> {
    const { head, method, response, server } = request;
    const whom = { identity: head.identity, share: head.share };
    if (method === 'server/discover') return response.result(await describe(this.pools, { server, era, whom }));
    const pool = this.pools.of(server, era, whom);
    if (method === 'subscriptions/listen') return this.#listens.open(request, pool);
    await this.#run(request, pool);
  }

  async #run(request: StatelessRequest, pool: Pool): Promise<void> {
    const { head, meta, response } = request;
    const alone = servesOne(pool.order) || meta.logLevel !== undefined;
    const lease = await pool.lease({ exclusive: alone, prefer: head.process });
    try {
      await this.#tools.check(request, lease.process);
      // Its client may have left while a child was started.
      if (response.answered) return lease.end('sound');
    } catch (error) {
      lease.end('sound');
      throw error;
    }
    if (pool.order.era === 'legacy') new LegacyCall(this.#deps, pool, lease, request).begin();
    else callModern(this.#deps, lease, request);
  }

  /** A round that is refused leaves its call waiting: the true one may still come. */
  async #goOn(parked: string, request: StatelessRequest): Promise<void> {
    const { head, response } = request;
    const call = this.#parked.find(parked);
    if (!call) throw new CausewayError('request.state_gone');
    if (call.identity !== head.identity) throw new CausewayError('request.state');
    if (!sameArguments(call.request, request)) throw new CausewayError('request.state', { message: OTHER_ARGUMENTS });
    // Nothing is asked of its child, which is busy with it.
    await this.#tools.check(request);
    if (response.answered) return;
    if (this.#parked.take(parked) !== call) throw new CausewayError('request.state_gone');
    call.resume(request);
  }

  #fail(response: Response, error: unknown): void {
    if (!(error instanceof CausewayError)) this.#deps.log.error({ err: error }, 'request of the stateless era not served');
    response.fail(asCausewayError(error));
  }
}

/** Where the streams of all responses go. */
function portsOf({ cluster: { bus, subjects }, worker, charge }: DoorDeps): StreamPorts {
  return {
    charge,
    publish: (to, word, bytes, stream, seq) => {
      bus.publish(to, new Envelope(word, bytes), subjects.callLost(worker, stream.name, stream.attachment, seq));
    },
  };
}
