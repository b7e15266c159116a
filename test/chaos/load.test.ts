/**
 * The load's clients notice what an edge does wrong: here the edge is a fake that lies on purpose, one lie at a time,
 * and the invariants must name it. A client that hides a lie, or invents one, would make every fault's test worthless.
 */
import assert from 'node:assert/strict';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { canary } from '../harness/canary.ts';
import { randomFrom } from '../harness/random.ts';
import type { Message } from '../harness/speak.ts';
import { oneOutcome, orderly, ownOnly } from './invariants/calls.ts';
import type { Plan } from './plan.ts';
import { Evidence } from './records.ts';
import { openStreamable } from './streamable-client.ts';

const SESSION = 'c1-1';

/** How the fake answers the nth request for a tool; everything else it does right. */
type Lie = (answer: { readonly res: ServerResponse; readonly message: Message; readonly nth: number; readonly resumed: boolean }) => void;

const result = (id: unknown, text: string) => JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
const textOf = ({ params }: Message) => (params!['arguments'] as { readonly text: string }).text;
const asJson = (res: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
  void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
const STEP = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}';
const stream = (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/event-stream' });
const event = (id: string, data: string) => `id: ${id}\ndata: ${data}\n\n`;

async function openFake(lie: Lie): Promise<AsyncDisposable & { readonly base: string }> {
  let nth = 0;
  let call: Message = {};
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    if (req.method === 'GET') return lie({ res, message: call, nth: ++nth, resumed: true });
    if (req.method === 'DELETE') return asJson(res, 200, '');
    const message = (await json(req)) as Message;
    if (message.method === 'initialize') return asJson(res, 200, result(message.id, 'hello'), { 'mcp-session-id': 'fake' });
    if (message.method !== 'tools/call') return asJson(res, 202, '');
    call = message;
    lie({ res, message, nth: ++nth, resumed: false });
  };
  const server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One call to an edge that lies so; what the client wrote down. */
async function hear(lie: Lie): Promise<{ readonly evidence: Evidence; readonly outcome: string; readonly retried: number }> {
  await using fake = await openFake(lie);
  const evidence = new Evidence();
  const agent = new Agent();
  const deps = { agent, bases: () => [fake.base], random: randomFrom(1), evidence, server: 'steady', client: 'c1', identity: {} };
  const { client } = await openStreamable(deps, SESSION, false);
  const text = canary(SESSION);
  const wrong: Plan['wrong'] = (message) => (JSON.stringify(message).includes(text) ? undefined : 'another text');
  const { outcome, retried } = await client!.call({ tool: 'echo', args: { text }, own: 0, wrong });
  await client!.close();
  return { evidence, outcome, retried };
}

const found = ({ calls, strays, heard }: Evidence) =>
  [...oneOutcome(calls.items), ...ownOnly(strays, calls.items), ...orderly(heard)].map(({ invariant }) => invariant);

describe('the clients of the load, at an edge that lies', () => {
  it('no lie: nothing is found', async () => {
    const { evidence, outcome } = await hear(({ res, message }) => {
      stream(res).end(event('a.0', '') + event('a.1', result(message.id, textOf(message))));
    });
    assert.deepEqual([outcome, found(evidence)], ['ok', []]);
  });

  it('I6: two final answers', async () => {
    const { evidence } = await hear(({ res, message }) => {
      const once = result(message.id, textOf(message));
      stream(res).end(event('a.1', once) + event('a.2', once));
    });
    assert.deepEqual(found(evidence), ['I6']);
  });

  it('I8: a text of another session, an answer to another request, a wrong text', async () => {
    const foreign = await hear(({ res, message }) => asJson(res, 200, result(message.id, `${textOf(message)} ${canary('c2-1')}`)));
    assert.deepEqual(found(foreign.evidence), ['I8']);
    const other = await hear(({ res, message }) =>
      stream(res).end(event('a.1', result(99, 'x')) + event('a.2', result(message.id, textOf(message)))),
    );
    assert.deepEqual(found(other.evidence), ['I8']);
    const wrong = await hear(({ res, message }) => asJson(res, 200, result(message.id, 'something else')));
    assert.deepEqual(found(wrong.evidence), ['I8']);
  });

  it('I8: a question whose id was used before', async () => {
    const question = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} });
    const { evidence } = await hear(({ res, message }) => {
      stream(res).end(event('a.1', question) + event('a.2', question) + event('a.3', result(message.id, textOf(message))));
    });
    assert.deepEqual(found(evidence), ['I8']);
  });

  it('I12: a gap, and an event that comes again after the stream was taken up', async () => {
    const gap = await hear(({ res, message }) => stream(res).end(event('a.1', STEP) + event('a.3', result(message.id, textOf(message)))));
    assert.deepEqual(found(gap.evidence), ['I12']);
    const again = await hear(({ res, message, resumed }) => {
      if (!resumed) return void stream(res).write(event('a.1', STEP) + event('a.2', STEP), () => res.destroy());
      stream(res).end(event('a.2', STEP) + event('a.3', result(message.id, textOf(message))));
    });
    assert.deepEqual([again.outcome, found(again.evidence)], ['ok', ['I12']]);
  });

  it('a broken stream is taken up after its last event; one that gave no id is an outcome of its own', async () => {
    const whole = await hear(({ res, message, resumed }) => {
      if (!resumed) return void stream(res).write(event('a.1', STEP), () => res.destroy());
      stream(res).end(event('a.2', result(message.id, textOf(message))));
    });
    assert.deepEqual([whole.outcome, found(whole.evidence)], ['ok', []]);
    const cut = await hear(({ res }) => void stream(res).write(':\n\n', () => res.destroy()));
    assert.deepEqual([cut.outcome, cut.evidence.calls.items.at(-1)?.reason], ['error', 'client.cut']);
  });

  it('what was certainly not executed is made again, with another nonce; what may have been is not', async () => {
    const error = (executed: string) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -1, message: '', data: { reason: 'x', executed } } });
    const again = await hear(({ res, message, nth }) =>
      nth < 3 ? asJson(res, 503, error('no'), { 'retry-after': '0' }) : asJson(res, 200, result(message.id, textOf(message))),
    );
    assert.deepEqual([again.outcome, again.retried], ['ok', 2]);
    assert.equal(new Set(again.evidence.calls.items.at(-1)?.nonces).size, 3);
    const once = await hear(({ res }) => asJson(res, 503, error('unknown')));
    assert.deepEqual([once.outcome, once.retried], ['error', 0]);
  });
});
