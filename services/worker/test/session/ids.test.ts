import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClientBody, readServerLine, type Frame } from '@causeway/protocol';
import fc from 'fast-check';
import { Callbacks, MAX_QUESTIONS } from '../../src/session/callbacks.ts';
import { Calls } from '../../src/session/calls.ts';
import type { Stream } from '../../src/session/stream.ts';

const stream = { name: 's' } as Stream;
const fromClient = (text: string): Frame => {
  const body = readClientBody(Buffer.from(text));
  assert.ok(body.kind === 'single');
  return body.frame;
};
const begin = (calls: Calls, text: string) => {
  const frame = fromClient(text);
  return calls.begin({ head: frame, body: frame.bytes, stream, index: undefined, begun: 0 });
};
const line = (text: string): Frame => readServerLine(Buffer.from(text));

test('calls with equal ids get different ids at the child and each its own back', () => {
  const rawIds = fc.constantFrom('0', '""', '"1"', '1', '1.0', '"é"', '9007199254740993', '"__proto__"');
  fc.assert(
    fc.property(fc.array(rawIds, { minLength: 1, maxLength: 30 }), (ids) => {
      const calls = new Calls();
      const begun = ids.map((id) => begin(calls, `{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`));
      assert.equal(new Set(begun.map(({ call }) => call.internal)).size, ids.length);
      for (const [at, { call, bytes }] of [...begun.entries()].toReversed()) {
        assert.equal(bytes.toString(), `{"jsonrpc":"2.0","id":${call.internal},"method":"tools/call"}`);
        const answer = line(`{"jsonrpc":"2.0","id":${call.internal},"result":{}}`);
        assert.equal(calls.answered(answer)?.clientId.toString(), ids[at]);
        assert.equal(calls.answered(answer), undefined);
        calls.end(call);
      }
      assert.equal(calls.size, 0);
    }),
  );
});

test('answers to ids that were never given out are nobody’s', () => {
  const calls = new Calls();
  begin(calls, '{"jsonrpc":"2.0","id":1,"method":"a"}');
  for (const id of ['2', '"2"', '"01"', '1.5', '2.0', '01x', '-1', 'null', '1e0', '"__proto__"', '999999999999999999999']) {
    try {
      assert.equal(calls.answered(line(`{"jsonrpc":"2.0","id":${id},"result":{}}`)), undefined, id);
    } catch (error) {
      assert.equal((error as Error).name, 'FrameFault');
    }
  }
  assert.equal(calls.size, 1);
});

test('an answer finds its call also where every number of its server is a float', () => {
  const calls = new Calls();
  const { call } = begin(calls, '{"jsonrpc":"2.0","id":5,"method":"a"}');
  assert.equal(calls.answered(line('{"jsonrpc":"2.0","id":1.0,"result":{}}')), call);
});

test('an answer finds its call also where its server, or client, gives every id back as text', () => {
  const calls = new Calls();
  const { call } = begin(calls, '{"jsonrpc":"2.0","id":5,"method":"a"}');
  assert.equal(calls.answered(line('{"jsonrpc":"2.0","id":"1","result":{}}')), call);
  const callbacks = new Callbacks(1);
  callbacks.ask(line('{"jsonrpc":"2.0","id":7,"method":"roots/list"}'));
  const answer = fromClient('{"jsonrpc":"2.0","id":"1","result":{"roots":[]}}');
  const delivered: string[] = [];
  assert.ok(callbacks.answer(answer.bytes, answer.id!, (bytes) => delivered.push(bytes.toString())));
  assert.deepEqual(delivered, ['{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}']);
});

test('progress finds the call by the token that the child was given, and not after its answer', () => {
  const calls = new Calls();
  const { call, bytes } = begin(calls, '{"jsonrpc":"2.0","id":5,"method":"a","params":{"_meta":{"progressToken":"tok"}}}');
  assert.match(bytes.toString(), /"progressToken":1\b/);
  const progress = line('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}');
  assert.equal(calls.byProgress(progress)?.progressToken?.toString(), '"tok"');
  const bearing = (token: string) =>
    line(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`);
  // Servers whose tokens are all text give the number back as such.
  assert.equal(calls.byProgress(bearing('"1"')), call);
  // Where every number is a float, this is one.
  assert.equal(calls.byProgress(bearing('1.0')), call);
  for (const token of ['2', '"2"', '"01"', '1.5', '"tok"', 'null', '"1 "'])
    assert.equal(calls.byProgress(bearing(token)), undefined, token);
  calls.end(call);
  assert.equal(calls.byProgress(progress), undefined);
});

test('progress of a task finds its way after the answer that began it, within a number', () => {
  const calls = new Calls();
  const progress = (token: number) =>
    line(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`);
  const answer = (params: string, result: string): number => {
    const { call } = begin(calls, `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":${params}}`);
    assert.equal(calls.answered(line(`{"jsonrpc":"2.0","id":${call.internal},"result":${result}}`)), call);
    calls.end(call);
    return call.internal;
  };
  const wants = '{"task":{"ttl":1},"_meta":{"progressToken":"tok"}}';
  const task = '{"task":{"taskId":"t","status":"working"}}';
  const internal = answer(wants, task);
  assert.deepEqual(calls.taskByProgress(progress(internal)), { internal, token: Buffer.from('"tok"') });
  for (const [params, result] of [
    [wants, '{"content":[],"structuredContent":{"task":{}}}'],
    ['{"_meta":{"progressToken":"tok"}}', task],
    ['{"task":{}}', task],
  ] as const)
    assert.equal(calls.taskByProgress(progress(answer(params, result))), undefined, `${params} ${result}`);
  for (let more = 0; more < 600; more++) answer(wants, task);
  assert.equal(calls.taskByProgress(progress(internal)), undefined);
});

test('a cancellation means the newest call with that id', () => {
  const calls = new Calls();
  begin(calls, '{"jsonrpc":"2.0","id":7,"method":"a"}');
  const { call } = begin(calls, '{"jsonrpc":"2.0","id":7,"method":"b"}');
  assert.equal(calls.byClientId(Buffer.from('7')), call);
  assert.equal(calls.byClientId(Buffer.from('"7"')), undefined);
});

test('waiting for no call ends when the last one does', async () => {
  const calls = new Calls();
  await calls.none();
  const { call } = begin(calls, '{"jsonrpc":"2.0","id":1,"method":"a"}');
  const none = calls.none();
  calls.end(call);
  await none;
});

test('questions keep the child’s id, 0 and the empty string included, and are answered once', () => {
  const callbacks = new Callbacks(1);
  for (const id of ['0', '""', '"a"', '7']) {
    const asked = callbacks.ask(line(`{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`));
    const minted = (JSON.parse(asked.bytes.toString()) as { id: number }).id;
    const answer = fromClient(`{"jsonrpc":"2.0","id":${minted},"result":{"roots":[]}}`);
    const refuse = (): never => {
      throw new Error('busy');
    };
    assert.throws(() => callbacks.answer(answer.bytes, answer.id!, refuse));
    const delivered: string[] = [];
    assert.ok(callbacks.answer(answer.bytes, answer.id!, (bytes) => delivered.push(bytes.toString())));
    assert.ok(!callbacks.answer(answer.bytes, answer.id!, refuse));
    assert.deepEqual(delivered, [`{"jsonrpc":"2.0","id":${id},"result":{"roots":[]}}`]);
  }
});

test('what two owners of one session ask never has the same id', () => {
  const minted = [1, 2, 3].map((epoch) => {
    const { bytes } = new Callbacks(epoch).ask(line('{"jsonrpc":"2.0","id":1,"method":"roots/list"}'));
    return (JSON.parse(bytes.toString()) as { id: number }).id;
  });
  assert.equal(new Set(minted).size, 3);
});

test('a question can be withdrawn, and questions are bounded', () => {
  const callbacks = new Callbacks(1);
  callbacks.ask(line('{"jsonrpc":"2.0","id":0,"method":"sampling/createMessage"}'));
  const withdrawn = callbacks.withdraw(line('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}'));
  assert.equal(withdrawn?.toString(), '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
  assert.equal(callbacks.size, 0);
  for (let at = 0; at < MAX_QUESTIONS; at++)
    assert.equal(callbacks.ask(line(`{"jsonrpc":"2.0","id":"q${at}","method":"ping"}`)).givenUp, undefined);
  assert.equal(callbacks.ask(line('{"jsonrpc":"2.0","id":"new","method":"ping"}')).givenUp?.toString(), '"q0"');
  assert.equal(callbacks.size, MAX_QUESTIONS);
});
