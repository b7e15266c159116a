/** Owns the clients of a simulated cluster: each request goes to whatever edge is told, as behind a balancer. */
import assert from 'node:assert/strict';
import type { World } from '@causeway/cluster/simulation';
import { tokenOf } from '@causeway/protocol';
import type { Asking, SimulatedEdge } from './edge.ts';
import type { Call, Judge, Known, Outcome } from './judge.ts';
import { DEADLINE } from './options.ts';
import type { Message, Received, Response } from './response.ts';

/** The one revision in which several messages may come as one. */
export const BATCHES = '2025-03-26';

export class Clients {
  readonly #world: World;
  readonly #judge: Judge;
  #calls = 0;
  /** Streams that somebody listens to. */
  readonly streams = new Set<Response>();

  readonly #opened: (session: Known) => void;

  constructor(world: World, judge: Judge, opened: (session: Known) => void) {
    this.#world = world;
    this.#judge = judge;
    this.#opened = opened;
  }

  /** Opens a session, and says that it is initialized. */
  open(edge: SimulatedEdge, server: string, revision: string): Promise<Known | undefined> {
    const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'c', version: '1' } };
    const body = { jsonrpc: '2.0', id: 1, method: 'initialize', params };
    const { promise, resolve } = Promise.withResolvers<Known | undefined>();
    edge.ask({ method: 'POST', server, headers: {}, body }, (received) => {
      const id = received?.headers['mcp-session-id'];
      if (received?.status !== 200 || typeof id !== 'string' || received.messages.at(-1)?.result === undefined) return resolve(undefined);
      const token = tokenOf(id);
      assert.ok(token !== undefined);
      const known: Known = {
        name: `session ${this.#judge.sessions.size}`,
        token,
        id,
        server,
        revision,
        deleted: undefined,
        unknown: undefined,
        ending: false,
      };
      this.#judge.sessions.set(token, known);
      this.#opened(known);
      const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
      edge.ask({ method: 'POST', server, headers: headersOf(known), body: initialized }, () => undefined);
      resolve(known);
    });
    return promise;
  }

  call(edge: SimulatedEdge, session: Known): Promise<Outcome> {
    const call = this.#begin(edge, session);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const ended = (received: Received | undefined): void => {
      const outcome = outcomeOf(received, call.nonce);
      this.#judge.told(call, outcome);
      resolve(outcome);
    };
    edge.ask(posted(session, bodyOf(call)), ended, this.#hear(session));
    return promise;
  }

  /** Several calls in one message, where its revision has that. */
  batch(edge: SimulatedEdge, session: Known): void {
    if (session.revision !== BATCHES) return void this.call(edge, session);
    const calls = [this.#begin(edge, session), this.#begin(edge, session)];
    const ended = (received: Received | undefined): void => {
      for (const call of calls) this.#judge.told(call, outcomeOf(received && part(received, call.nonce), call.nonce));
    };
    edge.ask(posted(session, calls.map(bodyOf)), ended, this.#hear(session));
  }

  #begin(edge: SimulatedEdge, session: Known): Call {
    const nonce = `n${(this.#calls += 1)}`;
    const sent = this.#world.time.now();
    const still = edge.still;
    const due = (): number => sent + DEADLINE + edge.still - still;
    const call: Call = { nonce, session, sent, due, outcome: undefined };
    this.#judge.called(call);
    return call;
  }

  /** Listens until the returned response is left, or the edge ends it; to what follows the event of the id `last`. */
  listen(edge: SimulatedEdge, session: Known, last?: string): Response {
    const headers = { ...headersOf(session), ...(last === undefined ? {} : { 'last-event-id': last }) };
    const response = edge.ask(
      { method: 'GET', server: session.server, headers },
      () => void this.streams.delete(response),
      this.#hear(session),
    );
    response.once('close', () => this.streams.delete(response));
    this.streams.add(response);
    return response;
  }

  #hear =
    ({ token }: Known) =>
    ({ method, params }: Message): void => {
      if (method === 'notifications/message' && params?.data !== undefined) this.#judge.noticed(params.data, token);
    };

  /** Resolves with the status and what is wrong, or without when the edge is gone. */
  delete(edge: SimulatedEdge, session: Known): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    session.ending = true;
    edge.ask({ method: 'DELETE', server: session.server, headers: headersOf(session) }, (received) => {
      if (received?.status === 200) session.deleted ??= this.#world.time.now();
      assert.notEqual(received?.status, 500, 'nothing fails inside');
      if (received?.status === 404) session.unknown ??= this.#world.time.now();
      resolve([received?.status ?? 'reset', received?.messages[0]?.error?.data?.reason ?? ''].join(' ').trim());
    });
    return promise;
  }
}

const bodyOf = ({ nonce }: Call): object => ({
  jsonrpc: '2.0',
  id: nonce,
  method: 'tools/call',
  params: { name: 't', arguments: { nonce } },
});

const posted = (session: Known, body: object): Asking => ({ method: 'POST', server: session.server, headers: headersOf(session), body });

/** What concerns one call of a batch; a batch that was refused as a whole has one error for all. */
function part({ status, headers, messages }: Received, nonce: string): Received {
  const whole = messages
    .flat()
    .filter(({ id }) => id === null)
    .map((message) => ({ ...message, id: nonce }));
  return { status, headers, messages: whole.length > 0 ? whole : messages.flat().filter(({ id }) => id === nonce) };
}

const headersOf = ({ id, revision }: Known): Readonly<Record<string, string>> => ({
  'mcp-session-id': id,
  'mcp-protocol-version': revision,
});

function outcomeOf(received: Received | undefined, nonce: string): Outcome {
  if (received === undefined) return { kind: 'reset' };
  const { status, messages } = received;
  const answers = messages.filter((message: Message) => message.method === undefined);
  assert.equal(answers.length, 1, `${nonce} has one answer, of status ${status}: ${JSON.stringify(messages)}`);
  const { id, result, error } = answers[0]!;
  assert.equal(id, nonce);
  if (result !== undefined) return { kind: 'answer', nonce: result.nonce ?? '', epoch: result.epoch ?? 0 };
  assert.ok(error?.data, `${nonce} has an error of ours`);
  const { reason, executed, retryable } = error.data;
  return { kind: 'error', status, reason, executed, retryable };
}
