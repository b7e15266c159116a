/**
 * Owns clients of 2024-11-05: one stream for everything that comes, and a message posted to any edge for everything that
 * goes. The session is as long as its stream.
 */
import assert from 'node:assert/strict';
import type { World } from '@causeway/cluster/simulation';
import { tokenOf } from '@causeway/protocol';
import type { SimulatedEdge } from './edge.ts';
import type { Call, Judge, Known, Outcome } from './judge.ts';
import { DEADLINE } from './options.ts';
import type { Message, Received, Response } from './response.ts';

/** Milliseconds by which a call may be later here: it is accepted first, which may take as long as it does. */
const ACCEPTED = 20_000;
/** Milliseconds for which the stream of a session may go without an owner, while one is looked for (`listen.ts`); then it ends, and its calls with it. */
const UNOWNED = 60_000;
/** The client's own id of its first message. */
const HELLO = 'hello';

interface Line {
  readonly session: Known;
  readonly edge: SimulatedEdge;
  readonly response: Response;
  readonly waiting: Map<string, Call>;
  /** Calls of which something was said that is tied to none. */
  readonly heard: Set<string>;
}

export class SseClients {
  readonly #world: World;
  readonly #judge: Judge;
  readonly #opened: (session: Known) => void;
  readonly #lines = new Set<Line>();
  #calls = 0;
  #sessions = 0;

  constructor(world: World, judge: Judge, opened: (session: Known) => void) {
    this.#world = world;
    this.#judge = judge;
    this.#opened = opened;
  }

  get lines(): readonly Line[] {
    return [...this.#lines];
  }

  open(edge: SimulatedEdge, server: string): void {
    let line: Line | undefined;
    const over = (): void => line && this.#over(line);
    const response = edge.ask({ method: 'GET', server, headers: {}, sse: true }, over, (message) => line && this.#hear(line, message));
    response.once('close', over);
    response.once('endpoint', (id: string) => {
      const token = tokenOf(id)!;
      const more = { deleted: undefined, unknown: undefined, ending: true };
      const session: Known = { name: `line ${(this.#sessions += 1)}`, token, id, server, revision: '2024-11-05', ...more };
      line = { session, edge, response, waiting: new Map(), heard: new Set() };
      this.#lines.add(line);
      this.#opened(session);
      const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
      this.#post(edge, session, { jsonrpc: '2.0', id: HELLO, method: 'initialize', params }, () => undefined);
      this.#post(edge, session, { jsonrpc: '2.0', method: 'notifications/initialized' }, () => undefined);
    });
  }

  call(edge: SimulatedEdge, line: Line): void {
    const { session, waiting } = line;
    const nonce = `l${(this.#calls += 1)}`;
    const sent = this.#world.time.now();
    const still = (): number => edge.still + line.edge.still;
    const before = still();
    const call: Call = { nonce, session, sent, due: () => sent + DEADLINE + ACCEPTED + UNOWNED + still() - before, outcome: undefined };
    this.#judge.called(call);
    waiting.set(nonce, call);
    const body = { jsonrpc: '2.0', id: nonce, method: 'tools/call', params: { name: 't', arguments: { nonce } } };
    this.#post(edge, session, body, (received) => {
      if (received?.status !== 202) this.#tell(line, nonce, outcomeOf(received?.messages[0], received?.status ?? 0));
    });
  }

  #post(edge: SimulatedEdge, { id, server }: Known, body: object, ended: (received: Received | undefined) => void): void {
    edge.ask({ method: 'POST', server, headers: {}, body, sse: true, to: id }, ended);
  }

  #hear(line: Line, message: Message): void {
    const { id, method, params, result } = message;
    if (method === 'notifications/message' && params?.data !== undefined) {
      line.heard.add(params.data);
      this.#judge.noticed(params.data, line.session.token);
    }
    if (method !== undefined || id === HELLO) return;
    // Everything comes on one stream, in its order.
    assert.ok(result?.said !== true || line.heard.has(String(id)), `what was said before the answer to ${id} was not heard`);
    this.#tell(line, String(id), outcomeOf(message, 200));
  }

  /** What was posted without a word may be answered all the same. */
  #tell({ waiting }: Line, nonce: string, outcome: Outcome): void {
    const call = waiting.get(nonce);
    if (call === undefined) return;
    waiting.delete(nonce);
    this.#judge.told(call, outcome);
  }

  #over(line: Line): void {
    if (!this.#lines.delete(line)) return;
    for (const nonce of [...line.waiting.keys()]) this.#tell(line, nonce, { kind: 'reset' });
  }
}

function outcomeOf(message: Message | undefined, status: number): Outcome {
  if (message === undefined) return { kind: 'reset' };
  const { result, error } = message;
  if (result !== undefined) return { kind: 'answer', nonce: result.nonce ?? '', epoch: result.epoch ?? 0 };
  assert.ok(error?.data, `an error of ours: ${JSON.stringify(message)}`);
  const { reason, executed, retryable } = error.data;
  return { kind: 'error', status, reason, executed, retryable };
}
