/**
 * Clients with a session in front of a server that has none (2026-07-28 only), on two edges and two workers: every
 * answer is what a server of their own era with the same surface says over stdio, and a session outlives its worker.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { rotate } from '../harness/rotating.ts';
import { hello, openCall, openStream, post, postAgain, textOf, toolCall, type Headers, type Message } from '../harness/speak.ts';
import { stands } from '../harness/observer.ts';
import { until } from '../harness/within.ts';
import { overNext, overSse, overStdio, overStreamable, type Ask, type Said, type Speaker } from '../parity/speakers.ts';

const tool = (name: string, more: Readonly<Record<string, unknown>> = {}): Ask => ({
  method: 'tools/call',
  params: { name, arguments: more },
});
const WATCHED = 'test://watched-resource';

const SCRIPT: readonly Ask[] = [
  ...['ping', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'].map((method) => ({ method })),
  ...['test_simple_text', 'test_multiple_content_types', 'test_error_handling', 'test_tool_with_logging', 'no_such_tool'].map((name) =>
    tool(name),
  ),
  { ...tool('test_tool_with_progress'), progress: true },
  tool('test_sampling', { prompt: 'x' }),
  tool('test_elicitation', { message: 'who?' }),
  tool('test_input_required_result_elicitation'),
  tool('test_input_required_result_list_roots'),
  tool('test_input_required_result_multiple_inputs'),
  { method: 'resources/read', params: { uri: 'test://static-binary' } },
  { method: 'prompts/get', params: { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } } },
  {
    method: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'te' } },
  },
  { method: 'logging/setLevel', params: { level: 'warning' } },
  { method: 'resources/subscribe', params: { uri: WATCHED } },
  { method: 'resources/unsubscribe', params: { uri: WATCHED } },
  { method: 'tasks/list' },
];

/** What a step said; the data of an error is each SDK's own. */
interface Heard extends Omit<Said, 'error'> {
  readonly step: string;
  readonly error?: { readonly code: unknown; readonly message: string };
}

async function play(open: () => Promise<Speaker>): Promise<Heard[]> {
  await using speaker = await open();
  const heard: Heard[] = [];
  for (const step of SCRIPT) {
    const { result, error, progress } = await speaker.ask(step);
    heard.push({
      step: JSON.stringify(step),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      // The tool with progress answers with its token, which is the client's own counter.
      ...(progress === undefined ? { result } : { progress }),
    });
  }
  return heard;
}

describe('servers of the stateless era behind sessions', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  let direct: Awaited<ReturnType<typeof play>>;

  before(async () => {
    cluster = stack.use(await openBridgeCluster({ edges: 2, workers: 2, nats: 1, servers: { modern: stdio2026() } }));
    const { command, args = [] } = stdio2025();
    direct = await play(() => overStdio(command, args));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number) => cluster.url('modern', edge);

  const clients: readonly (readonly [string, () => Promise<Speaker>])[] = [
    ['the 1.x client over Streamable HTTP', () => overStreamable(at(0), rotate(cluster.bases).fetch)],
    ['the 1.x client over HTTP+SSE', () => overSse(`${cluster.bases[0]}/servers/modern/sse`, rotate(cluster.bases).fetch)],
    ['the 2.x client as it is by default', () => overNext(at(0), rotate(cluster.bases).fetch)],
  ];
  for (const [name, open] of clients) {
    it(`${name}, every request at the next edge, hears what a server of its era says`, async () => {
      assert.deepEqual(await play(open), direct);
    });
  }

  it('a question rides the stream of its own call, whatever else runs, and is answered at the other edge', async () => {
    const { headers } = await hello(at(0));
    await using first = await openCall(at(0), toolCall('first', 'test_elicitation', { message: 'one' }), headers);
    const one = await first.message('its question', ({ method }) => method === 'elicitation/create');
    await using second = await openCall(at(1), toolCall('second', 'test_input_required_result_multiple_inputs'), headers);
    const asked = ['elicitation/create', 'sampling/createMessage', 'roots/list'];
    const questions: Message[] = [];
    for (const method of asked) questions.push(await second.message(method, (message) => message.method === method));
    const answers = [
      { action: 'accept', content: { name: 'Ada' } },
      { model: 'm', role: 'assistant', content: { type: 'text', text: 'Hi' } },
      { roots: [{ uri: 'file:///a' }] },
    ];
    for (const [nth, { id }] of questions.entries()) await post(at(nth), { jsonrpc: '2.0', id, result: answers[nth] }, headers);
    assert.equal(textOf(await second.message('its answer', ({ id }) => id === 'second')), 'Hi Ada, 1 roots');
    await post(at(1), { jsonrpc: '2.0', id: one.id, result: { action: 'decline' } }, headers);
    assert.match(textOf(await first.message('its answer', ({ id, method }) => id === 'first' && method === undefined))!, /decline/);
    assert.deepEqual(
      first.messages().flatMap(({ method }) => (method === undefined ? [] : [method])),
      ['elicitation/create'],
    );
  });

  it('a session whose worker is killed goes on, with what its client had subscribed to', async () => {
    const { headers, result } = await hello(at(0));
    assert.equal((result['serverInfo'] as { name: string }).name, 'stdio-2026');
    await subscribe(headers);
    const owner = await ownerOf(headers);
    await using stream = await openStream(at(1), { headers });
    await stands(cluster, headers, ({ subscriptions }) => subscriptions.join().includes(WATCHED));
    owner.kill('SIGKILL');
    await owner.exited;
    const answer = await postAgain(at(1), toolCall(3, 'test_simple_text'), headers);
    assert.match(textOf(answer.messages.at(-1))!, /simple text/);
    await stream.message('the warning', ({ method }) => method === 'notifications/message');
    const touched = await post(at(0), toolCall(4, 'test_touch_watched'), headers);
    const updated = ({ method, params }: Message): boolean => method === 'notifications/resources/updated' && params?.['uri'] === WATCHED;
    if (!touched.messages.some(updated)) await stream.message('the change', updated);
    await using call = await openCall(at(1), toolCall('asks', 'test_elicitation', { message: 'still?' }), headers);
    const question = await call.message('the question', ({ method }) => method === 'elicitation/create');
    await post(at(0), { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { response: 'yes' } } }, headers);
    assert.match(textOf(await call.message('the answer', ({ id, method }) => id === 'asks' && method === undefined))!, /yes/);
  });

  async function subscribe(headers: Headers): Promise<void> {
    const subscribed = await post(at(1), { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri: WATCHED } }, headers);
    assert.deepEqual(subscribed.messages.at(-1)?.result, {});
  }

  /** The worker that has opened the session: its log names it. */
  /** By the worker's own word, which comes through a pipe and may be read after its answer. */
  function ownerOf({ 'mcp-session-id': id = '' }: Headers): Promise<Causeway> {
    const opened = ({ logs }: Causeway): boolean =>
      logs.items.some(({ msg, session }) => msg === 'session opened' && typeof session === 'string' && id.includes(session));
    return until(5_000, `who has opened ${id}`, async () => cluster.workers.find(opened));
  }
});
