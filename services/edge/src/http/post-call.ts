/**
 * Owns one POST that carries requests of a session: joins the exchange that waits for their owner's word, the delivery
 * that brings them there, and the reply to the client. Made for each call, so that its parts find their ports in the
 * methods of one object.
 *
 * Invariants: a client that leaves ends nothing; whoever was told that the outcome is not known comes back for nothing; a
 * message without an answer, in a batch, goes its own way, so that no word about it is one about the requests; that nothing of
 * a batch was taken is said only where nothing was.
 */
import type { ServerResponse } from 'node:http';
import { errorOf, type DownHead, type Place } from '@causeway/cluster';
import { asCausewayError, CausewayError, ERRORS, rawId, REVISIONS, type AgreedRevision, type Frame } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { labelOf } from '../label.ts';
import { followed, forsake, notify, partlyTaken, sendFrame, tell, type Messages, type Outgoing } from '../session/call.ts';
import { Delivery, type DeliveryOptions } from '../session/delivery.ts';
import type { Exchange, Listener, Loss } from '../session/exchange.ts';
import { busFailure, lossOf } from '../session/failures.ts';
import { PostReply, type Posted } from './post-reply.ts';

/** Methods that may ask or report before they answer: their stream is begun at once where it can be resumed. */
const TALKATIVE: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

export const isRequest = ({ kind }: Frame): boolean => kind === 'request';

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
  readonly #frames: readonly Frame[];
  /** Of each message of the batch that has no answer: whether it was taken. Absent before the first sending. */
  #aside: Promise<boolean>[] | undefined;
  /** A request was refused that others came with: its owner waits for it. */
  #short = false;
  readonly #asked: readonly Frame[];
  readonly #reply: PostReply;
  readonly #delivery: Delivery;

  constructor(edge: EdgeContext, res: ServerResponse, { session, revision, messages, requests }: PostCallOptions) {
    this.edge = edge;
    this.session = session;
    this.server = session.server;
    this.#frames = messages.frames;
    this.#asked = requests;
    this.messages = this.requests = requests.length;
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
    else if (head.t === 'no') this.#refused(errorOf(head));
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

  lost(why: Loss): void {
    // Its owner goes on, and any other edge has the answer: without a bus none has.
    if (why === 'edge' && this.edge.cluster.bus.status === 'connected' && this.#reply.dismiss()) this.left();
    else this.#giveUp(lossOf(why));
  }

  /** The outcome is not known; without `whole`, of some. */
  #giveUp(error: CausewayError, whole = true): void {
    this.#reply.fail(error, whole);
    this.#forsake();
  }

  #forsake(): void {
    forsake(this.edge, this.session, this.#delivery.place, this.exchange);
  }

  send(place: Place): void {
    const { edge, session, exchange } = this;
    exchange.follow(followed(edge, session, place, exchange.name, 0));
    const outgoing = { edge, session, exchange, place };
    if (this.batch) this.#sendBatch(outgoing);
    else sendFrame(outgoing, this.#asked[0]!, undefined);
  }

  /** In their order; what has no answer finds its next owner by itself. */
  #sendBatch(outgoing: Outgoing): void {
    const { requests } = this;
    const again = this.#aside !== undefined;
    const aside = (this.#aside ??= []);
    let index = 0;
    for (const frame of this.#frames) {
      if (isRequest(frame)) {
        try {
          sendFrame(outgoing, frame, { index, requests });
        } catch (error) {
          if (index === 0) throw error;
          // Those before it may run.
          return this.#giveUp(partlyTaken(busFailure(error)), false);
        }
        index += 1;
      } else if (!again) aside.push(this.#sendAside(frame));
    }
  }

  /** Whether it was taken, or may have been. Its refusal is told to nobody: the requests have their answers. */
  async #sendAside(frame: Frame): Promise<boolean> {
    const { edge, session } = this;
    try {
      await notify(edge, session, { frames: [frame], batch: true });
      return true;
    } catch (error) {
      const { ref, reason } = asCausewayError(error);
      edge.log.info({ ref, reason }, 'message of a batch not taken');
      return ERRORS[reason].executed !== 'no';
    }
  }

  /** The owner has said no: in a batch, to one of the requests. */
  #refused(error: CausewayError): void {
    if (!this.batch || ERRORS[error.reason].executed !== 'no') return this.#reply.fail(error);
    this.#short = this.requests > 1;
    this.#whole((whole) => this.#reply.refused(error, whole));
  }

  failed(error: CausewayError): void {
    this.#whole((whole) => this.#reply.fail(error, whole));
  }

  /** Tells it once it is known whether nothing that came with the requests was taken. */
  #whole(tell: (whole: boolean) => void): void {
    if (this.#aside === undefined || this.#aside.length === 0) return tell(true);
    void Promise.all(this.#aside).then((taken) => tell(!taken.includes(true)));
  }

  over(): boolean {
    return this.#reply.done;
  }

  idOf(nth: number): string {
    return rawId(this.#asked[nth]!);
  }

  methodOf(nth: number): string {
    return this.#asked[nth]?.method ?? '';
  }

  labelOf(nth: number): string | undefined {
    return labelOf(this.edge, this.#asked[nth]);
  }

  taken(seq: number): void {
    this.#tell('credit', seq);
  }

  left(): void {
    this.#tell('detach');
  }

  finished(): void {
    if (this.#short) this.#forsake();
    this.exchange.end();
  }

  #tell(t: 'credit' | 'detach', seq?: number): void {
    const { name: stream, to } = this.exchange;
    tell(this.edge, this.session, this.#delivery.place, { t, stream, to, ...(seq === undefined ? {} : { seq }) });
  }
}
