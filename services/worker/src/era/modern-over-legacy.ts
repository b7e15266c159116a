/**
 * Owns one call of a client without a session to a server with a handshake, whose child it holds alone, for what such a
 * server says in the middle of a call names no call: its questions make the call wait, as "parked", for the client's next
 * request, which answers them; its logs are this call's.
 * Source: WIRE §3.3; 2026-07-28 basic/patterns/mrtr.
 *
 * Invariants: the client is asked only what it has declared; a server that was refused all that it asked may go on
 * without, for a while, and the client hears what it lacks if the call fails then; each round has a name of its own, good
 * for once; a call that waits holds its child, within a time, and hears afterwards what its server said, and asked,
 * meanwhile; after anything but the server's own answer the child serves nobody again.
 */
import {
  allRequired,
  ASKING_METHODS,
  CausewayError,
  failureOf,
  inputRequired,
  isInputKind,
  mayAsk,
  membersOf,
  sealState,
  type Frame,
  type InputRequest,
} from '@causeway/protocol';
import { answerAlone } from '../pool/answer-alone.ts';
import type { Lease } from '../pool/lease.ts';
import type { Pool } from '../pool/pool.ts';
import type { Caller, Holder } from '../pool/pooled-process.ts';
import type { Reader } from '../session/patience.ts';
import { audienceOf, forLegacy, type StatelessRequest } from '../stateless/request.ts';
import type { ParkedCall } from '../stateless/parked-calls.ts';
import { CallInUse, type LeftCall } from './call.ts';
import type { EraDeps } from './deps.ts';
import { answerFromLegacy } from './legacy-answer.ts';
import { Meanwhile } from './meanwhile.ts';
import { Questions } from './questions.ts';

/** Milliseconds in which questions that a server asks at the same time come together. */
const TOGETHER = 15;
/**
 * Milliseconds that a server has to go on without what it was refused: most answer at once, some ask for something else. Less than it
 * takes until its edge begins a stream, for then no status can be chosen any more.
 */
const WITHOUT = 1_000;
const ROOTS: InputRequest = { method: 'roots/list', params: {} };

export class LegacyCall implements Caller, Holder, LeftCall, ParkedCall {
  readonly #deps: EraDeps;
  readonly #pool: Pool;
  readonly #use: CallInUse;
  readonly #questions: Questions;
  /** The client's latest request of this call. */
  #request: StatelessRequest;
  #cancelAsking: (() => void) | undefined;
  /** What the client could not be asked since it was last asked anything. */
  #refused: InputRequest[] = [];
  #cancelRefusal: (() => void) | undefined;
  /** The name under which it waits. */
  #parked: string | undefined;
  /** The server's answer, where it came before the client did. */
  #early: Frame | undefined;
  readonly #meanwhile = new Meanwhile();

  constructor(deps: EraDeps, pool: Pool, lease: Lease, request: StatelessRequest) {
    this.#deps = deps;
    this.#pool = pool;
    this.#request = request;
    this.#use = new CallInUse(deps, lease, request);
    this.#questions = new Questions(lease.process);
  }

  get identity(): CallInUse['identity'] {
    return this.#use.identity;
  }

  get request(): StatelessRequest {
    return this.#request;
  }

  get reader(): Reader {
    return this.#request.response.reader;
  }

  /** Sends the request to the server. */
  begin(): void {
    const { process } = this.#use;
    const request = this.#request;
    this.#use.run(request.response, this);
    process.holder = this;
    const id = process.begin(this);
    this.#use.began(id);
    try {
      process.write(forLegacy(request, id));
    } catch (error) {
      this.failed(error as CausewayError);
    }
  }

  /** The client has come back with answers. */
  resume(request: StatelessRequest): void {
    this.#parked = undefined;
    this.#request = request;
    if (!this.#early) {
      this.#pool.park(this.#use.process, false);
      this.#use.run(request.response, this);
    }
    for (const frame of this.#meanwhile.take()) this.#pass(frame);
    if (this.#early) return this.#tell(this.#early);
    this.#questions.answer(request.body, membersOf(request.body, request.params, 'inputResponses'));
    // What was not answered is asked for again, and nothing else.
    if (this.#questions.size > 0) this.#ask();
  }

  expire(): void {
    this.#parked = undefined;
    this.#giveUp('the client did not come back', 'cancelled');
  }

  answered(frame: Frame): void {
    this.#hush();
    this.#questions.letStray();
    const failed = failureOf(frame, this.#request.method);
    const lacks = failed !== undefined && this.#refused.length > 0;
    // It answered although it was asking: what it asked is void.
    this.#use.end(this.#questions.size === 0 ? 'sound' : 'doubtful', lacks ? 'request.capability' : failed);
    if (lacks) this.#refuse();
    else if (this.#parked === undefined) this.#tell(frame, failed);
    else this.#early = frame;
  }

  progress(frame: Frame): void {
    this.#hear(frame);
  }

  #tell(frame: Frame, failed = failureOf(frame, this.#request.method)): void {
    answerFromLegacy(this.#request, frame, this.#use.process, failed);
  }

  /** Something that names no request: it is this call's. */
  heard(frame: Frame): void {
    if (frame.kind === 'request') return this.#asked(frame);
    if (frame.method === 'notifications/message') this.#hear(frame);
    else if (frame.method === 'notifications/cancelled') this.#questions.withdraw(frame);
  }

  /** Progress of this call, or a log message. */
  #hear(frame: Frame): void {
    if (this.#parked === undefined) this.#pass(frame);
    else this.#meanwhile.add(frame);
  }

  #pass(frame: Frame): void {
    const { response } = this.#request;
    if (frame.method === 'notifications/progress') response.progress(frame);
    else response.logged(frame);
  }

  #asked(frame: Frame): void {
    const { process } = this.#use;
    const { meta, method } = this.#request;
    // The first question for roots is as a rule the server's own. A client without roots has none, and its call goes on;
    // one that has some is asked for them, for a call that does want them must not be told that there are none.
    const stray = frame.method === 'roots/list' && !process.askedRoots;
    const own = !stray || mayAsk(meta.capabilities, ROOTS);
    const asks = own && isInputKind(frame.method ?? '') && ASKING_METHODS.has(method);
    if (!asks || !this.#questions.add(frame, stray)) return answerAlone(process, frame);
    // While it waits nobody is there: its client is asked when it comes back.
    if (this.#parked !== undefined) return;
    this.#cancelAsking?.();
    this.#cancelAsking = this.#deps.wheel.after(TOGETHER, () => this.#ask());
  }

  /** Asks the client what it can be asked, and refuses the server the rest. */
  #ask(): void {
    if (this.#use.over || this.#questions.size === 0) return;
    const { capabilities } = this.#request.meta;
    this.#refused.push(...this.#questions.refuse((question) => !mayAsk(capabilities, question)));
    if (this.#questions.size > 0) return this.#park();
    this.#cancelRefusal ??= this.#deps.wheel.after(WITHOUT, () => {
      this.#giveUp('the client cannot be asked', 'request.capability');
      this.#refuse();
    });
  }

  /** The call has failed for what the client could not be asked. */
  #refuse(): void {
    this.#request.response.fail(new CausewayError('request.capability', { required: allRequired(this.#refused) }));
  }

  /** Nothing is asked, and nothing refused, any more. */
  #hush(): void {
    this.#cancelAsking?.();
    this.#cancelRefusal?.();
    this.#cancelRefusal = undefined;
  }

  #park(): void {
    this.#hush();
    this.#refused = [];
    const request = this.#request;
    const { clock, key, parked, worker } = this.#deps;
    const patience = request.server.pool.parked;
    const name = this.#pool.park(this.#use.process, true) ? parked.add(this, patience) : undefined;
    if (name === undefined) {
      this.#giveUp('too many calls wait', 'limit.parked');
      return request.response.fail(new CausewayError('limit.parked', { retryAfter: 1 }));
    }
    this.#parked = name;
    this.#use.rest();
    const state = sealState(key, { worker, parked: name, expires: clock.now() + patience }, audienceOf(request));
    request.response.result(inputRequired(this.#questions.requests, state));
  }

  /** Nobody waits for the answer any more. */
  left(): void {
    // The answer of a round has been given: the next one comes by another request.
    if (this.#parked !== undefined || this.#use.over) return;
    this.#giveUp('the client left', 'cancelled');
  }

  failed(error: CausewayError): void {
    this.#hush();
    if (this.#parked !== undefined) this.#deps.parked.take(this.#parked);
    this.#use.end('doubtful', error.reason);
    this.#request.response.fail(error);
  }

  #giveUp(reason: string, failed: string): void {
    this.#hush();
    if (this.#parked !== undefined) this.#deps.parked.take(this.#parked);
    this.#questions.giveUp();
    this.#use.abandon(reason, failed);
  }
}
