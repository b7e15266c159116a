/**
 * Calls that want input, on three edges and two workers: every round arrives at another edge and finds the call, each
 * answer is taken once, and a state that was changed, used, or came too late finds nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, stdio2025, stdio2026 } from '../harness/processes.ts';
import { textOf, wasInFlight, type Message } from '../harness/speak.ts';
import { within } from '../harness/within.ts';
import { ask, call, meta, openAsk, request, retry, told, wantedBy, type Fields, type Wanted } from '../harness/stateless.ts';

const SAYS = {
  test_input_required_result_elicitation: 'Hello, Ada!',
  test_input_required_result_sampling: 'Sampling response: sampled',
  test_input_required_result_list_roots: '1 roots: file:///srv',
  test_input_required_result_request_state: 'state-ok: confirmed',
  test_input_required_result_multiple_inputs: 'sampled Ada, 1 roots',
};

describe('calls that want input', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let cluster: BridgeCluster;

  before(async () => {
    const servers = {
      legacy: stdio2025(),
      modern: stdio2026(),
      hostile: hostile(ledger.env),
      brief: hostile(ledger.env, { pool: { parked: '1s' } }),
      narrow: hostile({}, { pool: { max: 2 } }),
    };
    const keys = ['a', 'b'].map((id) => ({ id, key: `key-of-${id}-${'x'.repeat(32)}` }));
    cluster = stack.use(await openBridgeCluster({ servers, config: { auth: { apiKeys: keys }, drain: { timeout: '5s' } } }));
  });
  after(() => stack.disposeAsync());

  const at = (edge: number, server: string) => cluster.url(server, edge);
  const as = (id: string) => ({ authorization: `Bearer key-of-${id}-${'x'.repeat(32)}` });
  const tell = (edge: number, server: string, message: Message, id = 'a') => told(at(edge, server), message, as(id));
  const assertRefused = ({ error, result }: Message): void => {
    assert.equal(error?.code, -32602, JSON.stringify(error ?? result));
    assert.match(error.message, /Invalid or expired requestState/);
  };
  /** Answers that one process of hostile.mjs was sent. */
  const answered = async (pid: number) =>
    (await ledger.entries()).filter((entry) => entry.pid === pid && entry.method === undefined && entry.id !== undefined).length;
  const pidOf = async (nonce: string) => (await ledger.entries()).find((entry) => entry.nonce === nonce)!.pid;

  for (const server of ['legacy', 'modern']) {
    for (const [name, text] of Object.entries(SAYS)) {
      it(`${server}: ${name}: asked at one edge, answered at another`, async () => {
        const message = call('first', name);
        const wanted = wantedBy(await tell(0, server, message));
        assert.equal(textOf(await tell(1, server, retry(message, 'second', wanted))), text);
      });
    }

    it(`${server}: several rounds, each at another edge with another state`, async () => {
      let message = call(0, 'test_input_required_result_multi_round');
      const states = new Set<string>();
      let said = await tell(0, server, message);
      for (let round = 1; said.result?.['resultType'] === 'input_required'; round++) {
        const wanted = wantedBy(said);
        states.add(wanted.requestState!);
        message = retry(message, round, wanted);
        said = await tell(round, server, message);
      }
      assert.equal(textOf(said), 'Ada likes blue');
      assert.equal(states.size, 2);
    });

    it(`${server}: a prompt can ask too`, async () => {
      const message = request('p', 'prompts/get', { name: 'test_input_required_result_prompt' });
      const wanted = wantedBy(await tell(0, server, message));
      const { result } = await tell(2, server, retry(message, 'q', wanted));
      assert.match(JSON.stringify(result), /context: rain/);
    });

    it(`${server}: a state that was changed anywhere, or came with another call, finds nothing; the true one does`, async () => {
      const message = call(1, 'test_input_required_result_request_state');
      const wanted = wantedBy(await tell(0, server, message));
      const state = wanted.requestState!;
      const middle = Math.floor(state.length / 2);
      const flipped = (index: number) => state.slice(0, index) + (state[index] === 'A' ? 'B' : 'A') + state.slice(index + 1);
      const states = [
        `${state}x`,
        state.slice(0, -1),
        flipped(0),
        flipped(middle),
        flipped(state.length - 1),
        'x',
        '',
        `${state}=`,
        ` ${state}`,
      ];
      for (const requestState of states) assertRefused(await tell(1, server, retry(message, 2, { ...wanted, requestState })));
      assertRefused(await tell(1, server, retry(call(1, 'test_input_required_result_tampered_state'), 3, wanted)));
      assertRefused(await tell(1, server, retry(request(1, 'prompts/get', { name: 'test_simple_prompt' }), 4, wanted)));
      assertRefused(await tell(1, server === 'legacy' ? 'modern' : 'legacy', retry(message, 5, wanted)));
      assertRefused(await tell(1, server, retry(message, 6, wanted), 'b'));
      assert.equal(textOf(await tell(2, server, retry(message, 7, wanted))), 'state-ok: confirmed');
    });
  }

  it('of the same retry at two edges at once, one is taken, and the server hears one answer', async () => {
    for (let round = 0; round < 10; round++) {
      const nonce = `twice-${round}`;
      const message = call(round, 'ask', { kind: 'elicitation', nonce });
      const wanted = wantedBy(await tell(round, 'hostile', message));
      const pid = await pidOf(nonce);
      const before = await answered(pid);
      const said = await Promise.all([1, 2].map((edge) => tell(round + edge, 'hostile', retry(message, edge, wanted))));
      const done = said.filter(({ result }) => result?.['resultType'] === 'complete');
      assert.equal(done.length, 1, JSON.stringify(said));
      assertRefused(said.find((one) => !done.includes(one))!);
      assert.equal(await answered(pid), before + 1);
      assertRefused(await tell(round, 'hostile', retry(message, 'late', wanted)));
    }
  });

  it('twelve questions of one call, each answered at another edge', async () => {
    let message = call('many', 'ask', { kind: 'elicitation', times: 12 });
    let said = await tell(0, 'hostile', message);
    for (let round = 0; round < 12; round++) {
      const wanted = wantedBy(said);
      const answer = { action: 'accept', content: { answer: `${round}` } };
      message = retry(message, round, wanted, Object.fromEntries(Object.keys(wanted.inputRequests).map((key) => [key, answer])));
      said = await tell(round + 1, 'hostile', message);
    }
    const answers = JSON.parse(textOf(said)!) as { content: { answer: string } }[];
    assert.deepEqual(
      answers.map(({ content }) => content.answer),
      Array.from({ length: 12 }, (_, round) => `${round}`),
    );
  });

  describe('answers that are not what was asked for', () => {
    const message = call(1, 'test_input_required_result_multiple_inputs');
    const some = (wanted: Wanted, inputResponses: Fields): Message => ({
      ...message,
      id: 'some',
      params: { ...message.params, inputResponses, requestState: wanted.requestState },
    });
    const full = (wanted: Wanted) => retry(message, 'full', wanted).params!['inputResponses'] as Fields;

    it('some are missing: those are asked for again, under a new state', async () => {
      const wanted = wantedBy(await tell(0, 'legacy', message));
      const [first, ...rest] = Object.keys(wanted.inputRequests);
      const again = wantedBy(await tell(1, 'legacy', some(wanted, { [first!]: full(wanted)[first!] })));
      assert.deepEqual(Object.keys(again.inputRequests).toSorted(), rest.toSorted());
      assert.notEqual(again.requestState, wanted.requestState);
      assert.equal(textOf(await tell(2, 'legacy', retry(message, 2, again))), 'sampled Ada, 1 roots');
    });

    it('one is malformed: it is asked for again; keys that nobody asked for are ignored', async () => {
      const wanted = wantedBy(await tell(0, 'legacy', message));
      const [first] = Object.keys(wanted.inputRequests);
      const again = wantedBy(await tell(1, 'legacy', some(wanted, { ...full(wanted), [first!]: 7, nobody: { action: 'accept' } })));
      assert.deepEqual(Object.keys(again.inputRequests), [first]);
      assert.equal(textOf(await tell(2, 'legacy', retry(message, 2, again))), 'sampled Ada, 1 roots');
    });
  });

  it('a call that nobody answers is cancelled at its server, and its state finds nothing', async () => {
    const message = call(1, 'ask', { kind: 'elicitation', nonce: 'expiring' });
    const wanted = wantedBy(await tell(0, 'brief', message));
    const { pid, id } = (await ledger.entries()).find(({ nonce }) => nonce === 'expiring')!;
    await ledger.next(
      'its cancellation',
      (entry) => entry.pid === pid && entry.method === 'notifications/cancelled' && entry.requestId === id,
    );
    assertRefused(await tell(1, 'brief', retry(message, 2, wanted)));
  });

  it('calls that wait cannot take every process: some are refused, and others are served', async () => {
    const message = call(1, 'ask', { kind: 'roots' });
    const said = [];
    for (let edge = 0; edge < 8; edge++) said.push(await tell(edge, 'narrow', message));
    const waiting = said.filter(({ result }) => result !== undefined).map(wantedBy);
    // Two workers, and each keeps one of its two processes free.
    assert.ok(waiting.length >= 1 && waiting.length <= 2, `${waiting.length} wait`);
    for (const { error } of said.filter(({ result }) => result === undefined)) assert.equal(error?.data?.['reason'], 'limit.parked');
    for (let edge = 0; edge < 6; edge++) assert.equal(textOf(await tell(edge, 'narrow', call(2, 'echo', { text: 'served' }))), 'served');
    for (const [edge, wanted] of waiting.entries())
      assert.match(textOf(await tell(edge + 1, 'narrow', retry(message, 3, wanted))) ?? '', /file:\/\/\/srv/);
    wantedBy(await tell(0, 'narrow', message));
  });

  it('a retry has its own token', async () => {
    const message = call(1, 'askThenProgress', { kind: 'elicitation', n: 3 }, { progressToken: 'old' });
    const wanted = wantedBy(await tell(0, 'hostile', message));
    const anew = { ...message, params: { ...message.params, _meta: meta({ progressToken: 0 }) } };
    const { messages } = await ask(at(1, 'hostile'), retry(anew, 2, wanted), as('a'));
    assert.deepEqual(
      messages.map(({ id, params }) => id ?? params?.['progressToken']),
      [0, 0, 0, 2],
    );
    assert.equal(textOf(messages.at(-1)), 'done 3');
  });

  it('a client that drops the stream of a retry cancels the call', async () => {
    const args = { kind: 'elicitation', n: 600, every: 50, nonce: 'dropped' };
    const message = call(1, 'askThenProgress', args, { progressToken: 'p' });
    const wanted = wantedBy(await tell(0, 'hostile', message));
    const running = await openAsk(at(1, 'hostile'), retry(message, 2, wanted), as('a'));
    await running.message('some progress', ({ method }) => method === 'notifications/progress');
    await running.drop();
    const { pid, id } = (await ledger.entries()).find(({ nonce }) => nonce === 'dropped')!;
    await ledger.next(
      'its cancellation',
      (entry) => entry.pid === pid && entry.method === 'notifications/cancelled' && entry.requestId === id,
    );
  });

  it('a worker that dies with calls that wait: the retry is refused, not left alone', async () => {
    const message = call(1, 'ask', { kind: 'roots' });
    const waiting = await Promise.all([0, 1, 2, 3].map(async (edge) => wantedBy(await tell(edge, 'hostile', message))));
    cluster.workers[0]!.kill('SIGKILL');
    await cluster.workers[0]!.exited;
    const again = async (edge: number, wanted: Wanted): Promise<Message> => {
      const said = await tell(edge, 'hostile', retry(message, 2, wanted));
      return wasInFlight(said) ? again(edge, wanted) : said;
    };
    const said = await Promise.all(waiting.map((wanted, edge) => again(edge + 1, wanted)));
    for (const one of said) if (one.error !== undefined) assertRefused(one);
    assert.match(textOf(await tell(0, 'hostile', call(3, 'echo', { text: 'on' }))) ?? '', /on/);
  });

  it('a worker that shuts down waits for the clients that it has asked, and begins nothing', async () => {
    const message = call(1, 'ask', { kind: 'roots' });
    const wanted = wantedBy(await tell(0, 'hostile', message));
    const last = cluster.workers[1]!;
    let ended = false;
    void last.exited.then(() => (ended = true));
    last.kill('SIGTERM');
    await last.logs.next('its farewell', ({ msg }) => msg === 'stopping');
    const refused = await ask(at(0, 'hostile'), call(2, 'echo', { text: 'new' }), as('a'));
    assert.equal(refused.status, 503, refused.text);
    assert.equal(ended, false);
    assert.match(textOf(await tell(1, 'hostile', retry(message, 3, wanted))) ?? '', /file:\/\/\/srv/);
    // Others are not answered.
    await within(8_000, 'its end', last.exited);
  });
});
