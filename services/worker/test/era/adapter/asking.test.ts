/** What a server of the stateless era asks for in the middle of a call, and how such a call ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asks, call, FORM, meta, SAYS_ALL, settle, Stage, type Result } from '../stage.ts';

test('what the server asks for is asked of the client on the way of the call, and the call is made again with the answers', () => {
  const stage = new Stage();
  stage.open();
  stage.write(call(5, { _meta: { progressToken: 5 } }));
  const first = stage.given();
  stage.child.say({ method: 'notifications/progress', params: { progressToken: first.id, progress: 3 } });
  stage.heard();
  const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } };
  stage.child.say(
    `{"jsonrpc":"2.0","id":${first.id},"result":{"resultType":"input_required","inputRequests":${JSON.stringify({ who: FORM, 'k"': sampling, r: { method: 'roots/list' } })},"requestState":"\\u0061/b"}}`,
  );
  const questions = stage.heard();
  assert.deepEqual(
    questions.map(({ method, params, about }) => [method, params, about]),
    [
      ['elicitation/create', FORM.params, 5],
      ['sampling/createMessage', sampling.params, 5],
      ['roots/list', undefined, 5],
    ],
  );
  const [who, message, roots] = questions.map(({ id }) => id!);
  assert.equal(new Set([who, message, roots]).size, 3);
  stage.write({ id: roots!, result: { roots: [] } });
  stage.write(`{"jsonrpc":"2.0","id":${message},"result":{"model":"m","n":12345678901234567890}}`);
  assert.deepEqual(stage.child.take(), [], 'not before all are there');
  stage.write({ id: who!, result: { action: 'accept', content: { name: 'x' } } });
  const [line] = stage.child.written;
  assert.match(line!, /"requestState":"\\u0061\/b"/, 'the state comes back to the byte');
  assert.match(line!, /"k\\"":\{"model":"m","n":12345678901234567890\}/);
  const again = stage.given();
  assert.notEqual(again.id, first.id);
  assert.equal(meta(again)['progressToken'], again.id);
  assert.deepEqual(
    [again.params!['name'], (again.params!['inputResponses'] as { who: unknown }).who],
    ['t', { action: 'accept', content: { name: 'x' } }],
  );
  for (const progress of [2, 4]) stage.child.say({ method: 'notifications/progress', params: { progressToken: again.id, progress } });
  stage.child.say({ id: again.id!, result: { resultType: 'complete', content: [] } });
  const [grown, answer, ...rest] = stage.heard();
  assert.deepEqual([grown?.params, answer?.id, answer?.result, rest], [{ progressToken: 5, progress: 4 }, 5, { content: [] }, []]);
});

test('a URL gets an id for its elicitation, and only a client that has declared it is asked', async () => {
  const url = { method: 'elicitation/create', params: { mode: 'url', message: 'go', url: 'https://x/' } };
  const stage = new Stage();
  stage.open(SAYS_ALL, { elicitation: { url: {} } });
  stage.write(call(5));
  stage.child.say({ id: stage.given().id!, result: asks({ u: url }) });
  const [question] = stage.heard();
  assert.match(String(question?.params!['elicitationId']), /^[0-9a-f-]{36}$/);
  assert.equal(question?.params!['url'], 'https://x/');
  const other = new Stage();
  other.open();
  other.write(call(5));
  other.child.say({ id: other.given().id!, result: asks({ u: url }) });
  await settle();
  const [refused] = other.heard();
  assert.equal(refused?.result?.['isError'], true);
  assert.deepEqual(other.child.take(), []);
});

test('what cannot be asked, or is not answered, ends the call: of a tool in its result, of everything else by an error', async () => {
  const reasons: readonly (readonly [Result, RegExp])[] = [
    [asks({ a: { method: 'sampling/createMessage', params: {} }, b: FORM }), /sampling\/createMessage/],
    [asks({ a: { method: 'tools/call', params: {} } }), /unknown/],
    [asks({}), /does not say what/],
    [asks(Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, FORM]))), /65/],
    [{ resultType: 'task', taskId: 'x' }, /task/],
  ];
  for (const [result, why] of reasons) {
    for (const method of ['tools/call', 'prompts/get']) {
      const stage = new Stage();
      stage.open(SAYS_ALL, { elicitation: {} });
      stage.write({ id: 5, method, params: { name: 'n' } });
      stage.child.say({ id: stage.given().id!, result });
      await settle();
      const [answer, ...more] = stage.heard();
      assert.deepEqual(more, []);
      assert.match(JSON.stringify(method === 'tools/call' ? answer?.result?.['content'] : answer?.error?.message), why);
      if (method !== 'tools/call') assert.equal(answer?.error?.code, -32603);
    }
  }
});

test('an error of the client ends the call, and takes the other questions back', async () => {
  const stage = new Stage();
  stage.open();
  stage.write(call(5));
  stage.child.say({ id: stage.given().id!, result: asks({ a: FORM, b: FORM }) });
  const [a, b] = stage.heard();
  stage.write({ id: a!.id!, error: { code: -1, message: 'not now' } });
  await settle();
  const [withdrawn, answer] = stage.heard();
  assert.deepEqual([withdrawn?.method, withdrawn?.params?.['requestId'], withdrawn?.about], ['notifications/cancelled', b!.id, 5]);
  assert.match(JSON.stringify(answer?.result), /not now/);
  stage.write({ id: b!.id!, result: { action: 'accept' } });
  assert.deepEqual(stage.child.take(), [], 'a late answer is nobody’s');
});

test('a refusal that no two parsers would read alike is one all the same', async () => {
  for (const error of ['{"code":1,"message":"a","message":"b"}', 'null', '7']) {
    const stage = new Stage();
    stage.open();
    stage.write(call(5));
    stage.child.say({ id: stage.given().id!, result: asks({ a: FORM }) });
    stage.write(`{"jsonrpc":"2.0","id":${stage.heard()[0]?.id},"error":${error}}`);
    await settle();
    assert.match(JSON.stringify(stage.heard()[0]?.result), /no reason/);
  }
});

test('a server that only gives a state is called again after a pause, and eight times at most', async () => {
  const stage = new Stage();
  stage.agree(stage.open());
  stage.write(call(5));
  let asked = stage.given();
  for (let round = 1; round <= 8; round++) {
    stage.child.say({ id: asked.id!, result: asks({}, `s${round}`) });
    stage.time.advance(249);
    assert.deepEqual(stage.child.take(), []);
    stage.time.advance(1);
    asked = stage.given();
    assert.deepEqual([asked.params!['requestState'], asked.params!['inputResponses']], [`s${round}`, undefined]);
  }
  stage.child.say({ id: asked.id!, result: asks({}, 's9') });
  stage.time.advance(10_000);
  await settle();
  assert.deepEqual(stage.child.take(), []);
  const [answer] = stage.heard();
  assert.equal(answer?.result?.['isError'], true);
});

test('a call that is cancelled is cancelled at the server, wherever it is, and its questions are taken back', () => {
  const stage = new Stage();
  stage.open();
  const cancel = (): boolean => stage.write({ method: 'notifications/cancelled', params: { requestId: 5, reason: 'x' } });
  stage.write(call(5));
  const running = stage.given();
  cancel();
  assert.deepEqual(stage.given(), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: running.id } });
  stage.child.say({ id: running.id!, result: { resultType: 'complete' } });
  assert.deepEqual(stage.heard(), []);
  stage.write(call(5));
  stage.child.say({ id: stage.given().id!, result: asks({ a: FORM }) });
  const [question] = stage.heard();
  cancel();
  assert.deepEqual(stage.heard(), [
    {
      ...{ jsonrpc: '2.0', method: 'notifications/cancelled', about: 5 },
      params: { requestId: question!.id, reason: 'no answer is needed any more' },
    },
  ]);
  stage.write(call(5));
  stage.child.say({ id: stage.given().id!, result: asks({}, 's') });
  cancel();
  stage.time.advance(1_000);
  assert.deepEqual(stage.child.take(), [], 'nothing is at the server');
});

test('a child that does not read refuses a call, and one that stops reading between two rounds ends it', async () => {
  const stage = new Stage();
  stage.open();
  stage.child.reads = false;
  assert.equal(stage.write(call(5)), false);
  stage.child.reads = true;
  stage.write(call(6));
  stage.child.say({ id: stage.given().id!, result: asks({}, 's') });
  stage.child.reads = false;
  stage.time.advance(250);
  await settle();
  assert.deepEqual(
    stage.heard().map(({ id }) => id),
    [6],
  );
});

test('of the largest calls not all can be made again', async () => {
  const stage = new Stage();
  stage.open();
  const text = 'x'.repeat(6 * 1024 * 1024);
  const ids: number[] = [];
  for (const id of [5, 6, 7]) {
    stage.write(call(id, { text }));
    ids.push(Number(/"id":(\d+)/.exec(stage.child.written.splice(0)[0]!.slice(0, 100))![1]));
  }
  stage.child.say({ id: ids[2]!, result: asks({ a: FORM }) });
  stage.child.say({ id: ids[0]!, result: { resultType: 'complete' } });
  await settle();
  assert.match(JSON.stringify(stage.heard()), /too large/);
  stage.write(call(8, { text }));
  stage.child.say({ id: Number(/"id":(\d+)/.exec(stage.child.written.splice(0)[0]!.slice(0, 100))![1]), result: asks({ a: FORM }) });
  assert.equal(stage.heard()[0]?.method, 'elicitation/create', 'once one is over there is room again');
});
