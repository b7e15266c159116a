/**
 * Streams that break and go on at another edge: nothing lost, nothing twice, order kept; and an explicit
 * refusal where the journal no longer reaches back, never a silent gap.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile } from '../harness/processes.ts';
import {
  hello,
  openCall,
  openStream,
  post,
  readAnswer,
  textOf,
  toolCall,
  type Headers,
  type Message,
  type OpenStream,
} from '../harness/speak.ts';

const count = (n: number, from = 1): readonly number[] => Array.from({ length: n }, (_, at) => at + from);
const steps = (messages: readonly Message[]): readonly number[] =>
  messages.flatMap(({ params }) => (typeof params?.['progress'] === 'number' ? [params['progress']] : []));
const logged = (messages: readonly Message[], tag: string): readonly number[] =>
  messages.flatMap(({ params }) => (String(params?.['data']).startsWith(`${tag} `) ? [Number(String(params!['data']).split(' ')[1])] : []));

describe('streams that go on at another edge', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let cluster: BridgeCluster;
  before(async () => {
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile(ledger.env) } }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number) => cluster.url('hostile', edge);

  const lastId = (stream: OpenStream): string => stream.events.items.findLast(({ id }) => id !== undefined)!.id!;
  const resume = (edge: number, headers: Headers, id: string) => openStream(at(edge), { headers: { ...headers, 'last-event-id': id } });

  it('a call broken again and again in the middle of its progress is heard whole', async () => {
    const { headers } = await hello(at(0));
    const heard: Message[] = [];
    let stream = await openCall(at(0), toolCall('long', 'progress', { n: 200, ms: 2 }, { progressToken: 'p' }), headers);
    for (let edge = 1; ; edge++) {
      // Breaks after 15 further events, wherever the bytes of the next ones are.
      const enough = stream.events.items.length + 15;
      const going = await stream.events
        .next('15 more events', () => stream.events.items.length >= enough)
        .then(
          () => true,
          () => false,
        );
      await stream.drop();
      heard.push(...stream.messages());
      if (!going || stream.messages().some(({ id }) => id === 'long')) break;
      stream = await resume(edge, headers, lastId(stream));
    }
    assert.deepEqual(steps(heard), count(200));
    assert.equal(heard.filter(({ id }) => id === 'long').length, 1);
  });

  it('a burst that the client left in the middle of is replayed whole elsewhere', async () => {
    let broken = 0;
    for (let round = 0; round < 10; round++) {
      const { headers } = await hello(at(round));
      const first = await openCall(at(round), toolCall('burst', 'progress', { n: 150 }, { progressToken: 1 }), headers);
      await first.events.next('the first events', () => steps(first.messages()).length > round * 3);
      await first.drop();
      const before = steps(first.messages());
      // A client that gets no turn for a while finds all of it there, and has nothing to come back for.
      if (first.messages().some(({ id }) => id === 'burst')) {
        assert.deepEqual(before, count(150));
        assert.equal(first.messages().filter(({ id }) => id === 'burst').length, 1);
        continue;
      }
      broken += 1;
      await using rest = await resume(round + 1, headers, lastId(first));
      await rest.ended;
      assert.deepEqual([...before, ...steps(rest.messages())], count(150));
      const answers = [...first.messages(), ...rest.messages()].filter(({ id }) => id === 'burst');
      assert.equal(answers.length, 1);
    }
    assert.ok(broken > 0);
  });

  it('a question asked while the stream of its call is broken comes with the rest of the call', async () => {
    const { headers } = await hello(at(0));
    const first = await openCall(at(0), toolCall('asking', 'ask', { kind: 'roots', ms: 150 }), headers);
    const { id } = await first.events.next('the priming event', ({ id }) => id !== undefined);
    await first.drop();
    await ledger.next('the question', ({ method }) => method === 'ASK');
    await using rest = await resume(1, headers, id!);
    const question = await rest.message('the question', ({ method }) => method === 'roots/list');
    await post(at(2), { jsonrpc: '2.0', id: question.id, result: { roots: [] } }, headers);
    assert.equal(
      textOf(await rest.message('the answer', (message) => message.id === 'asking' && message.method === undefined)),
      '{"roots":[]}',
    );
  });

  it('a standalone stream goes on at another edge with what came in between', async () => {
    const { headers } = await hello(at(0));
    const first = await openStream(at(0), { headers });
    const say = (tag: string) =>
      post(at(1), toolCall(tag, 'notify', { method: 'notifications/message', params: { level: 'info', data: `${tag} 1` } }), headers);
    await say('before');
    await first.message('before', ({ params }) => params?.['data'] === 'before 1');
    await first.drop();
    await say('between');
    await using second = await resume(2, headers, lastId(first));
    await second.message('between', ({ params }) => params?.['data'] === 'between 1');
    await say('after');
    await second.message('after', ({ params }) => params?.['data'] === 'after 1');
    assert.deepEqual(
      [...logged(second.messages(), 'before'), ...logged(second.messages(), 'between'), ...logged(second.messages(), 'after')],
      [1, 1],
    );
  });

  it('a standalone stream opened at another edge takes over: each notification on one stream, once', async () => {
    const { headers } = await hello(at(0));
    const streams: OpenStream[] = [await openStream(at(0), { headers })];
    const heard: number[] = [];
    const all = 120;
    for (let nth = 1; nth <= all; nth++) {
      // What a child says shortly after an answer may fall into the next call, and then it rides that call's stream.
      const { messages } = await post(
        at(nth),
        toolCall(nth, 'notify', { method: 'notifications/message', params: { level: 'info', data: `n ${nth}` } }),
        headers,
      );
      heard.push(...logged(messages, 'n'));
      if (nth % 30 === 0 && nth < all) {
        const previous = streams.at(-1)!;
        streams.push(await openStream(at(nth / 30), { headers }));
        await previous.ended;
      }
    }
    const last = streams.at(-1)!;
    await last.message('the last', ({ params }) => params?.['data'] === `n ${all}`);
    await last.drop();
    const standing = streams.flatMap((stream) => logged(stream.messages(), 'n'));
    assert.deepEqual(
      standing,
      standing.toSorted((a, b) => a - b),
      'in order',
    );
    assert.deepEqual(
      [...heard, ...standing].toSorted((a, b) => a - b),
      count(all),
    );
  });

  it('a stream that outgrew its journal is refused or whole, never with a gap', async () => {
    const { headers } = await hello(at(0));
    const first = await openCall(at(0), toolCall('huge', 'progress', { n: 20_000 }, { progressToken: 1 }), headers);
    await first.events.next('the first progress', () => steps(first.messages()).length > 0);
    await first.drop();
    const heard = [...steps(first.messages())];
    // The child reads its input in order: when this is answered it has written all progress, or is held back.
    const echoed = post(at(1), toolCall('echo', 'echo', { text: 'x' }), headers);
    const response = await fetch(at(2), { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': lastId(first) } });
    const rest = await readAnswer(response);
    if (rest.status === 200) {
      heard.push(...steps(rest.messages));
      const answer = rest.messages.at(-1);
      assert.equal(answer?.id, 'huge');
      // Not one position is left out. Progress that a slow reader was not sent yet may have given way to newer one.
      const positions = [lastId(first), ...rest.events.flatMap(({ id }) => id ?? [])].map((id) => Number(id.split('.').at(-1)));
      assert.deepEqual(
        positions,
        positions.map((_, nth) => positions[0]! + nth),
      );
      assert.ok(
        heard.every((step, nth) => nth === 0 || step > heard[nth - 1]!),
        'progress goes forward',
      );
      if (answer?.error === undefined) assert.equal(heard.at(-1), 20_000);
    } else {
      assert.equal(rest.status, 400);
      assert.equal(rest.messages[0]?.error?.data?.['reason'], 'request.event_id');
    }
    assert.equal((await echoed).status, 200);
  });

  it('an edge that is killed in the middle: the call goes on at another, nothing lost, nothing twice', async () => {
    const { headers } = await hello(at(1));
    const first = await openCall(at(0), toolCall('long', 'progress', { n: 150, ms: 4 }, { progressToken: 'p' }), headers);
    await using standing = await openStream(at(1), { headers });
    await first.events.next('some progress', () => steps(first.messages()).length > 20);
    cluster.edges[0]!.kill('SIGKILL');
    await first.ended;
    await using rest = await resume(1, headers, lastId(first));
    await rest.message('the answer', ({ id }) => id === 'long');
    assert.deepEqual([...steps(first.messages()), ...steps(rest.messages())], count(150));
    assert.equal(standing.status, 200);
    assert.equal((await post(at(2), toolCall(1, 'count'), headers)).status, 200);
  });
});
