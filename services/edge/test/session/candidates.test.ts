/** Workers at which the bus finds nobody for a moment, though their records stand: they are waited for, and no longer. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { silentLog } from '@causeway/runtime';
import { openEdge } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type Heard, type ScriptedWorker } from '../scripted-worker.ts';

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const OPEN = { jsonrpc: '2.0', id: 'i', method: 'initialize', params: {} };
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'a', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const CALL = { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'a', arguments: {}, _meta: META } };
const CALL_HEADERS = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'a' };

function serve(worker: ScriptedWorker, heard: Heard): void {
  if (heard.head.t !== 'call') return obliging(worker, heard);
  worker.say(heard.reply, { t: 'server', seq: 1, last: true }, JSON.stringify({ jsonrpc: '2.0', id: 'c', result: { content: [] } }));
}

async function setting(t: TestContext) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, serve));
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, edgeOptions));
  const post = (message: object, headers = {}): Promise<Response> =>
    fetch(`${edge.url}/servers/echo/mcp`, { method: 'POST', headers: { ...HEADERS, ...headers }, body: JSON.stringify(message) });
  return { cluster, worker, post };
}

async function reason(answer: Response): Promise<[number, string]> {
  const { error } = (await answer.json()) as { readonly error: { readonly data: { readonly reason: string } } };
  return [answer.status, error.data.reason];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

for (const [what, message, headers] of [
  ['an open', OPEN, {}],
  ['a call without a session', CALL, CALL_HEADERS],
] as const) {
  test(`${what} waits while nobody is found at the only worker, and reaches it once it is back`, async (t) => {
    const { worker, post } = await setting(t);
    worker.deafen();
    const answers = Promise.all(Array.from({ length: 5 }, () => post(message, headers)));
    await pause(700);
    assert.equal(worker.heard.length, 0);
    await worker.listen();
    for (const answer of await answers) assert.equal(answer.status, 200, await answer.text());
    const asked = worker.heard.filter(({ head }) => head.t === 'open' || head.t === 'call');
    assert.equal(asked.length, 5, 'each is taken once');
  });

  test(`${what} is refused when nobody is found for longer than a connection is lost`, async (t) => {
    const { worker, post } = await setting(t);
    worker.deafen();
    const answer = await post(message, headers);
    assert.ok(answer.headers.has('retry-after'));
    assert.deepEqual(await reason(answer), [503, 'cluster.no_worker']);
    assert.equal(worker.heard.length, 0);
  });

  test(`${what} goes to another worker at once; a full one's word is told where nobody else is found`, async (t) => {
    const { cluster, worker, post } = await setting(t);
    await using other = await scriptedWorker(cluster, serve);
    worker.deafen();
    for (let nth = 0; nth < 4; nth++) assert.equal((await post(message, headers)).status, 200);
    other.on(({ reply }) => other.say(reply, { t: 'no', reason: 'limit.worker' }));
    assert.deepEqual(await reason(await post(message, headers)), [503, 'limit.worker']);
  });
  test(`${what} goes to another worker where one has given the server up, and its record does not say so yet`, async (t) => {
    const { cluster, worker, post } = await setting(t);
    await using other = await scriptedWorker(cluster, serve);
    worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'server.unknown' }));
    for (let nth = 0; nth < 8; nth++) assert.equal((await post(message, headers)).status, 200);
    assert.ok(other.heard.length >= 8 && worker.heard.length > 0);
    other.on(({ reply }) => other.say(reply, { t: 'no', reason: 'server.unknown' }));
    assert.deepEqual(await reason(await post(message, headers)), [503, 'cluster.no_worker'], 'until the records say so');
  });
}
