/**
 * Owns one POST that carries requests of a session: joins the exchange that waits for their owner's word, the delivery
 * that brings them there, and the reply to the client. Made for each call, so that its parts find their ports in the
 * methods of one object.
 *
 * Invariants: a client that leaves ends nothing; whoever was told that the outcome is not known comes back for nothing.
 */
import type { ServerResponse } from 'node:http';
import { errorOf, type DownHead, type Place } from '@causeway/cluster';
import { CausewayError, REVISIONS, type AgreedRevision, type Frame } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { followed, forsake, sendFrames, tell, type Messages } from '../session/call.ts';
import { Delivery, type DeliveryOptions } from '../session/delivery.ts';
import type { Exchange, Listener } from '../session/exchange.ts';
import { PostReply, type Posted } from './post-reply.ts';

/** Methods that may ask or report before they answer: their stream is begun at once where it can be resumed. */
const TALKATIVE: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

export const isRequest = ({ kind }: Frame): boolean => kind === 'request';

/** The id's raw JSON. */
export const idText = ({ bytes, id }: Frame): string => (id ? bytes.toString('utf8', id.start, id.end) : 'null');

export interface PostCallOptions {
  readonly session: KnownSession;
  readonly revision: AgreedRevision;
  readonly messages: Messages;
  /** Those of the messages that are to be answered. */
  readonly requests: readonly Frame[];
}

export class PostCall implements Listener, DeliveryOptions, Posted {
  readonly edge: EdgeContext;
  readonly session: KnownSession;
  readonly exchange: Exchange;
  readonly messages: number;
  readonly stream: string;
  readonly requests: number;
  readonly batch: boolean;
  readonly priming: boolean;
  readonly eager: boolean;
  readonly server: string;
  readonly #frames: Messages;
  readonly #asked: readonly Frame[];
  readonly #reply: PostReply;
  readonly #delivery: Delivery;

  constructor(edge: EdgeContext, res: ServerResponse, { session, revision, messages, requests }: PostCallOptions) {
    this.edge = edge;
    this.session = session;
    this.server = session.server;
    this.#frames = messages;
    this.#asked = requests;
    this.messages = messages.frames.length;
    this.requests = requests.length;
    this.batch = messages.batch;
    this.priming = REVISIONS[revision].primingEvent;
    this.eager = this.priming && requests.some(({ method }) => TALKATIVE.has(method ?? ''));
    this.exchange = edge.exchanges.begin(this, edge.servers.deadline(session.server, 'request'));
    this.stream = this.exchange.name;
    this.#reply = new PostReply(edge, res, this);
    this.#delivery = new Delivery(this);
  }

  begin(): void {
    this.#delivery.begin();
  }

  receive(head: DownHead, bytes: Buffer): void {
    if (this.#delivery.handles(head)) return;
    if (head.t === 'server') this.#reply.message(head, bytes);
    else if (head.t === 'ok') this.#reply.accepted();
    else if (head.t === 'no') this.#reply.fail(errorOf(head));
    else if (head.t === 'end' && (head.why === 'session_ended' || head.why === 'moved'))
      this.#reply.fail(new CausewayError('session.ended'));
    else if (head.t === 'end') this.#reply.end(head.why === 'cancelled' ? 'cancelled' : 'client_left');
  }

  undelivered(): void {
    this.#delivery.undelivered();
  }

  /** A call that runs is a message as well: its session needs its next owner, whoever the client asks next. */
  missing(): void {
    this.edge.relocation.find(this.session, this.#delivery.place, 'unreached').catch(() => undefined);
  }

  lost(why: 'deadline' | 'owner'): void {
    this.#reply.fail(new CausewayError(why === 'owner' ? 'cluster.owner_lost' : 'server.deadline'));
    forsake(this.edge, this.session, this.#delivery.place, this.exchange);
  }

  send(place: Place): void {
    const { edge, session, exchange } = this;
    exchange.follow(followed(edge, session, place, exchange.name, 0));
    sendFrames(edge, session, exchange, place, this.#frames);
  }

  failed(error: CausewayError): void {
    this.#reply.fail(error);
  }

  over(): boolean {
    return this.#reply.done;
  }

  idOf(nth: number): string {
    return idText(this.#asked[nth]!);
  }

  methodOf(nth: number): string {
    return this.#asked[nth]?.method ?? '';
  }

  taken(seq: number): void {
    this.#tell('credit', seq);
  }

  left(): void {
    this.#tell('detach');
  }

  finished(): void {
    this.exchange.end();
  }

  #tell(t: 'credit' | 'detach', seq?: number): void {
    const { name: stream, to } = this.exchange;
    tell(this.edge, this.session, this.#delivery.place, { t, stream, to, ...(seq === undefined ? {} : { seq }) });
  }
}
