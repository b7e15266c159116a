/**
 * Owns the way of a line from a server of the stateless era to a session that shakes hands.
 *
 * Invariants: answers find their call by an id of ours, and no other; what the server asks for in the middle of a call
 * rides that call, at most `ROUNDS` times; progress grows over all rounds of a call; what is no JSON-RPC is left to the
 * session, under the id of the call that it was meant for.
 */
import {
  answerTo,
  CausewayError,
  errorResponse,
  membersAt,
  echoedAt,
  outlineOf,
  rawText,
  refusedAnswer,
  splice,
  splitServerBatch,
  SUBSCRIPTION_ID_KEY,
  textOf,
  valueAt,
  withoutMembers,
  type Edit,
  type Outline,
} from '@causeway/protocol';
import { questionsOf, type Outcome } from './asking.ts';
import { change, joined } from './change.ts';
import type { OpenCall } from './open-calls.ts';
import { declaredBy, handshakeOf, kindOf, lackOf, legacyError, legacyResult, SERVER_DEPTH } from './outcome.ts';
import type { AdapterParts } from './parts.ts';

/** Times that a server may ask in the course of one call. */
const ROUNDS = 8;
/** Milliseconds before a server is called again that has asked for nothing. */
const PACE = 250;
const META: ReadonlySet<string> = new Set(['_meta']);
const SUBSCRIPTION: ReadonlySet<string> = new Set([SUBSCRIPTION_ID_KEY]);
const nothing = (): void => undefined;

export class FromServer {
  readonly #parts: AdapterParts;

  constructor(parts: AdapterParts) {
    this.#parts = parts;
  }

  line(line: Buffer): void {
    try {
      const message = outlineOf(line, SERVER_DEPTH);
      if (message) this.#take(line, message);
      else this.#refused(line);
    } catch (error) {
      // Deep inside, a line may have what its first reading lets pass: a member twice, a control character.
      this.#parts.log.debug({ err: error }, 'line of the server not understood');
      this.#refused(line);
    }
  }

  /** The server has answered `server/discover`: with what it is, or an error, it answers the client's `initialize`. */
  discovered(internal: number, requested: string, bytes: Buffer, message: Outline): void {
    const result = message.inside.get('result');
    const id: Edit = { span: message.of.get('id')!, bytes: Buffer.from(String(internal)) };
    if (result) this.#parts.declared = declaredBy(bytes, result);
    const edits = result ? handshakeOf(bytes, result, requested, this.#parts.server) : legacyError(bytes, message.inside.get('error'));
    this.#parts.say(splice(bytes, [id, ...edits]));
  }

  #take(bytes: Buffer, message: Outline): void {
    const method = textOf(bytes, message, 'method');
    const id = message.of.get('id');
    if (method !== undefined) return id ? this.#asked(rawText(bytes, id)) : this.#notified(method, bytes, message);
    // What is neither is noise, which the session counts.
    if (!id) return this.#parts.say(bytes);
    const number = echoedAt(bytes, id);
    const own = this.#parts.own.get(number);
    if (own) {
      this.#parts.own.delete(number);
      return own(bytes, message);
    }
    const call = this.#parts.calls.at(bytes, id);
    if (call) this.#answered(call, bytes, message);
    else this.#parts.log.debug({}, 'answer to no running call dropped');
  }

  /** A line that cannot be read, or an array. */
  #refused(line: Buffer): void {
    this.#parts.child()?.noise(line);
    for (const part of splitServerBatch(line) ?? [line]) this.#failAnswered(part);
  }

  /** Whoever this was meant for, in a line that cannot be read, waits no longer. */
  #failAnswered(line: Buffer): void {
    const { calls, log, own, say } = this.#parts;
    const id = refusedAnswer(line);
    const number = echoedAt(line, id);
    const call = calls.at(line, id);
    const waiting = own.get(number);
    if (!call && !waiting) return;
    const error = new CausewayError('server.reply_invalid');
    log.info({ ref: error.ref, reason: error.reason }, 'call failed');
    const answer = errorResponse(String(call?.internal ?? number), error);
    if (call) {
      calls.end(call);
      return say(answer);
    }
    own.delete(number);
    waiting?.(answer, outlineOf(answer, SERVER_DEPTH)!);
  }

  /** Servers of this era do not ask by requests. */
  #asked(id: string): void {
    this.#parts.log.debug({}, 'request of a server of the stateless era refused');
    this.#parts.send(answerTo(id, '"error":{"code":-32601,"message":"Method not found"}'));
  }

  #answered(call: OpenCall, bytes: Buffer, message: Outline): void {
    const { calls, say } = this.#parts;
    const result = message.inside.get('result');
    const kind = result ? kindOf(bytes, result) : 'complete';
    if (result && kind === 'input_required') return this.#inputRequired(call, bytes, result);
    if (kind !== 'complete') return this.#fail(call, `The server answered with a result of the kind ${JSON.stringify(kind)}.`);
    const error = message.inside.get('error');
    const lack = call.method === 'tools/call' ? lackOf(bytes, error) : undefined;
    if (lack !== undefined) return this.#fail(call, lack);
    const id: Edit = { span: message.of.get('id')!, bytes: Buffer.from(String(call.internal)) };
    const edits = result ? legacyResult(bytes, result, call.method) : legacyError(bytes, error);
    calls.end(call);
    say(splice(bytes, [id, ...edits]));
  }

  #inputRequired(call: OpenCall, bytes: Buffer, result: Outline): void {
    const { asking, calls, clientMeta, wheel } = this.#parts;
    if (!call.made) return this.#fail(call, 'The server asks for something, and this call is too large, or of no kind, to be made again.');
    if (call.rounds >= ROUNDS) return this.#fail(call, `The server has asked ${ROUNDS} times and still does not answer.`);
    const span = result.of.get('requestState');
    const state = span && `"requestState":${rawText(bytes, span)}`;
    const requests = result.of.get('inputRequests');
    const asked = requests && membersAt(bytes, requests.start);
    const questions = asked && asked.of.size > 0 ? questionsOf(bytes, asked, clientMeta.capabilities) : undefined;
    if (typeof questions === 'string') return this.#fail(call, questions);
    if (!questions && state === undefined) return this.#fail(call, 'The server asks for something and does not say what.');
    calls.rest(call);
    if (!questions) {
      call.withdraw = wheel.after(PACE, () => this.#again(call, state!));
      return;
    }
    const settled = (outcome: Outcome): void => {
      if ('failed' in outcome) this.#fail(call, outcome.failed);
      else this.#again(call, joined(`"inputResponses":${outcome.input}`, state));
    };
    call.withdraw = asking.begin(call.internal, questions, settled);
  }

  /** Makes a call once more, with what the server wants to know. */
  #again(call: OpenCall, more: string): void {
    const { calls, declared, clientMeta, level, mint, send } = this.#parts;
    if (!call.made) throw new Error('a call that asks was kept');
    const id = mint();
    const { bytes, message } = call.made;
    call.withdraw = nothing;
    if (!send(clientMeta.wrap(bytes, message, { id, more, logLevel: declared.logging ? level : undefined })))
      return this.#fail(call, 'The server does not read its input.');
    calls.again(call, id);
  }

  /** The answer to a call that cannot be finished: of a tool, a result that says so, as servers with a handshake do. */
  #fail(call: OpenCall, text: string): void {
    const { calls, log, tell } = this.#parts;
    calls.end(call);
    log.info({ method: call.method }, 'call of a server of the stateless era could not be finished');
    const outcome =
      call.method === 'tools/call'
        ? `"result":${JSON.stringify({ content: [{ type: 'text', text }], isError: true })}`
        : `"error":${JSON.stringify({ code: -32603, message: text })}`;
    tell(call.internal, outcome);
  }

  #notified(method: string, bytes: Buffer, message: Outline): void {
    const { say, subscription } = this.#parts;
    const params = message.inside.get('params');
    const meta = params?.inside.get('_meta');
    const id = echoedAt(bytes, meta?.of.get(SUBSCRIPTION_ID_KEY));
    switch (method) {
      case 'notifications/progress':
        return this.#progress(bytes, params);
      case 'notifications/cancelled':
        return this.#ended(echoedAt(bytes, params?.of.get('requestId')));
      case 'notifications/subscriptions/acknowledged':
        return subscription.acknowledged(id, agreed(bytes, params));
      default:
        if (!params || !meta?.of.has(SUBSCRIPTION_ID_KEY)) return say(bytes);
        if (!subscription.counts(id)) return;
        return say(
          splice(bytes, meta.of.size === 1 ? change(bytes, params, { without: META }) : withoutMembers(bytes, meta, SUBSCRIPTION)),
        );
    }
  }

  /** The server takes something back; it has nothing that it could but a subscription. */
  #ended(id: number): void {
    if (this.#parts.subscription.ended(id)) this.#parts.own.delete(id);
  }

  #progress(bytes: Buffer, params: Outline | undefined): void {
    const token = params?.of.get('progressToken');
    const call = this.#parts.calls.at(bytes, token);
    const span = params?.of.get('progress');
    if (!call?.progress || !token || !span) return;
    const progress = valueAt(bytes, span);
    // Each round of a call begins anew at its server.
    if (typeof progress === 'number' && call.rounds > 0 && progress <= call.told) return;
    if (typeof progress === 'number') call.told = progress;
    this.#parts.say(splice(bytes, [{ span: token, bytes: Buffer.from(String(call.internal)) }]));
  }
}

/** The resources that a server has agreed to tell of. */
function agreed(bytes: Buffer, params: Outline | undefined): readonly string[] {
  const span = params?.of.get('notifications');
  const granted = span && (valueAt(bytes, span) as { readonly resourceSubscriptions?: unknown } | null);
  const uris = granted?.resourceSubscriptions;
  return Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [];
}
