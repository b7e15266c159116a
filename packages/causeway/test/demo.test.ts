/** What `causeway demo` counts: nothing that it was told is taken for an answer, and nothing is called lost that was answered. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Loss } from '../src/demo/loss.ts';
import { percentile, play, type Play } from '../src/demo/play.ts';
import { EXIT, Failure } from '../src/failure.ts';
import { McpClient } from '../src/mcp/client.ts';
import { bearer } from '../src/mcp/endpoint.ts';
import { outcomeOf, type Outcome } from '../src/mcp/message.ts';

/** No client is asked: the questions of these tests answer themselves. */
const nobody = {} as McpClient;

const told = (executed: string, retryable: boolean, source = 'causeway'): Parameters<typeof outcomeOf>[0] => ({
  id: 1,
  error: { message: 'm', data: { source, executed, retryable } },
});

describe('one attempt', () => {
  it('is what the answer says', () => {
    assert.deepEqual(outcomeOf({ id: 1, result: { a: 1 } }, 200), { kind: 'answered', result: { a: 1 } });
    assert.deepEqual(outcomeOf(told('no', true), 503), { kind: 'refused', text: 'm' });
    assert.deepEqual(outcomeOf(told('unknown', true), 200), { kind: 'unknown', text: 'm' });
    assert.deepEqual(outcomeOf(told('unknown', false), 404), { kind: 'failed', text: 'm' });
    assert.deepEqual(outcomeOf(told('no', true, 'server'), 200), { kind: 'failed', text: 'm' });
    assert.deepEqual(outcomeOf(undefined, 502), { kind: 'cut', text: 'status 502' });
    assert.deepEqual(outcomeOf(undefined, 404), { kind: 'failed', text: 'status 404' });
  });
});

it('a session that is refused for a moment is asked for again, as a client does', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (asked++ === 0) return void response.writeHead(503, { 'retry-after': '1' }).end('{}');
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end('{"id":0,"result":{}}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const client = await McpClient.open({ url, headers: {} }, { name: 'a', patience: 5_000 });
    assert.deepEqual([client.session, asked], ['s', 3], 'refused, opened, initialized');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('a key goes with every request; where one is asked for, that is what is said', async () => {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      keys.push(request.headers.authorization);
      if (request.headers.authorization !== 'Bearer k')
        return void response.writeHead(401).end('{"id":null,"error":{"message":"unauthorized"}}');
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end('{"id":0,"result":{}}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const open = (key?: string): Promise<McpClient> => McpClient.open({ url, headers: key === undefined ? {} : bearer(key) }, { name: 'a' });
  try {
    const client = await open('k');
    await client.ask('ping', {});
    await client.close();
    assert.deepEqual(keys, Array(4).fill('Bearer k'));
    const refusal = (error: unknown): boolean =>
      error instanceof Failure &&
      error.exitCode === EXIT.auth &&
      error.message.endsWith('unauthorized') &&
      /--api-key/.test(error.hints[0]!);
    await assert.rejects(open(), refusal);
    await assert.rejects(open('other'), refusal);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('a part that is killed and started again', () => {
  const part = { id: '1', name: 'worker-1' };
  const world = (pick: () => Promise<typeof part | undefined>) => {
    const done: string[] = [];
    const note =
      (what: string) =>
      async ({ name }: { readonly name: string }): Promise<void> => {
        await sleep(1);
        done.push(`${name} ${what}`);
      };
    return { done, loss: new Loss({ pick, kill: note('killed'), start: note('started') }) };
  };

  it('is started once it is dead, also where it takes longer to find out which it is than until it is to come back', async () => {
    const found = Promise.withResolvers<typeof part>();
    const { done, loss } = world(() => found.promise);
    const events = [loss.begin(), loss.end()];
    await sleep(5);
    assert.deepEqual(done, []);
    found.resolve(part);
    await Promise.all(events);
    assert.deepEqual(done, ['worker-1 killed', 'worker-1 started']);
  });

  it('is nothing where there is none, and says why it could not be found out', async () => {
    const { done, loss } = world(async () => undefined);
    await Promise.all([loss.begin(), loss.end()]);
    assert.deepEqual(done, []);
    const failing = world(() => Promise.reject(new Error('no docker'))).loss;
    for (const outcome of await Promise.allSettled([failing.begin(), failing.end()])) assert.equal(outcome.status, 'rejected');
  });
});

describe('the calls of a demo', () => {
  const answered = { kind: 'answered', result: {} } as const;
  const question =
    (script: (call: number, attempt: number) => Outcome & { readonly right?: boolean }): Play['question'] =>
    async (_client, call) => {
      attempts.set(call, (attempts.get(call) ?? 0) + 1);
      // A question takes a moment: by it three pauses of 200 ms take 600 where the clock of timers ends each up to 1 ms early.
      await sleep(5);
      return { right: true, by: call % 2 === 0 ? 'edge-1' : 'edge-2', ...script(call, attempts.get(call)!) };
    };
  let attempts = new Map<number, number>();
  const run = (script: Parameters<typeof question>[0], events: Play['events'] = []) => {
    attempts = new Map();
    return play(nobody, { calls: 6, together: 2, gap: 1, question: question(script), events });
  };

  it('are each answered once, and counted by who served them', async () => {
    const score = await run(() => answered);
    assert.deepEqual([score.latencies.length, score.lost, Object.fromEntries(score.served)], [6, [], { 'edge-1': 3, 'edge-2': 3 }]);
  });

  it('are asked again when they were cut off, refused, or of unknown outcome, and each of these is counted', async () => {
    const kinds = ['cut', 'refused', 'unknown'] as const;
    const score = await run((call, attempt) => (call === 3 && attempt <= 3 ? { kind: kinds[attempt - 1]!, text: 't' } : answered));
    assert.deepEqual([score.latencies.length, score.again, score.lost], [6, { cut: 1, refused: 1, unknown: 1 }, []]);
    assert.ok(percentile(score.latencies, 100) >= 600, 'the time of a call is until its answer');
  });

  it("are lost when they fail, or when the answer is another call's", async () => {
    const score = await run((call) => (call === 1 ? { kind: 'failed', text: 'no such tool' } : { ...answered, right: call !== 2 }));
    assert.deepEqual([score.latencies.length, score.lost], [4, ['call 1: no such tool', 'call 2: the answer is not its own']]);
  });

  it('have events on their way, once each, and end with what an event rejects with', async () => {
    const seen: number[] = [];
    const at = (call: number) => ({ at: call, happen: async () => void seen.push(call) });
    await run(() => answered, [at(2), at(6), at(6)]);
    assert.deepEqual(seen, [2, 6, 6]);
    await assert.rejects(
      run(() => answered, [{ at: 1, happen: () => Promise.reject(new Error('no engine')) }]),
      /no engine/,
    );
    assert.equal(attempts.size, 6);
  });

  it('a percentile is a value that was measured', () => {
    assert.deepEqual([percentile([], 50), percentile([3, 1, 2], 50), percentile([3, 1, 2], 99), percentile([7], 1)], [0, 2, 3, 7]);
  });
});
