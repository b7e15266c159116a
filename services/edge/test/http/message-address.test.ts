/** HTTP+SSE: clients that resolve the announced address against the root of the URL that they were given post there for every server. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type MemoryCluster } from '@causeway/cluster';
import { silentLog } from '@causeway/runtime';
import { openEdge, type EdgeOptions } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type ScriptedWorker } from '../scripted-worker.ts';

const CALL = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'a' });
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** It has the form of an id. */
const UNKNOWN = `1${'A'.repeat(12)}0000000-${'A'.repeat(44)}`;
const served = (first: boolean) => ({ default: first, recovery: 'restart' }) as const;

interface Setting {
  readonly worker: ScriptedWorker;
  readonly base: string;
  /** Another edge of the same cluster. */
  edge(): Promise<string>;
  /** The id of a session of HTTP+SSE, whose stream stays open. */
  open(server: string, headers?: Record<string, string>): Promise<string>;
}

interface Wanted {
  /** The server `one` is the default. Default true. */
  readonly first?: boolean;
  readonly options?: Partial<EdgeOptions>;
}

async function setting(t: TestContext, { first = true, options = {} }: Wanted = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster: MemoryCluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, obliging, { one: served(first), two: served(false) }));
  const edge = async (): Promise<string> => stack.use(await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, ...options })).url;
  const base = await edge();
  const open = async (server: string, headers = {}): Promise<string> => {
    const { body } = await fetch(`${base}/servers/${server}/sse`, { headers });
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    stack.defer(() => reader.cancel());
    return /sessionId=(\S+)/.exec((await reader.read()).value!)![1]!;
  };
  return { worker, base, edge, open };
}

const send = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: CALL });

/** All that a client is told, but for the reference, which is new each time, and the seconds, which are spread. */
async function told(answer: Response): Promise<unknown> {
  return [answer.status, (await answer.text()).replace(/"ref":"[\w-]+"/, '')];
}

for (const first of [true, false]) {
  test(`the root takes the messages of every server's sessions, ${first ? 'not the default’s alone' : 'where none is the default, too'}`, async (t) => {
    const { worker, base, edge, open } = await setting(t, { first, options: { http: { ...edgeOptions.http, paths: { message: '/in' } } } });
    const session = await open('two');
    for (const at of [base, await edge()])
      for (const path of ['/message', '/messages/', '/in']) {
        const answer = await send(`${at}${path}?sessionId=${session}`);
        assert.equal(answer.status, 202, `${path}: ${await answer.text()}`);
        assert.equal(worker.heard.at(-1)?.body, CALL);
      }
    const heard = worker.heard.length;
    assert.equal((await fetch(`${base}/message?sessionId=${session}`)).status, first ? 405 : 503, 'a GET is no message');
    assert.equal((await send(`${base}/servers/one/message?sessionId=${session}`)).status, 404, 'an address with a name is that server’s');
    assert.equal(worker.heard.length, heard);
  });

  test(`what is nobody's is refused there as before, ${first ? 'by the default' : 'without a default'}`, async (t) => {
    const apiKeys = ['a', 'b'].map((id) => ({ id, sha256: createHash('sha256').update(id).digest('hex') }));
    const { worker, base, edge, open } = await setting(t, { first, options: { auth: { ...edgeOptions.auth, apiKeys } } });
    const [own, other] = [{ 'x-api-key': 'a' }, { 'x-api-key': 'b' }];
    const ids = [await open('one', own), await open('two', own)];
    const streamable = await fetch(`${base}/servers/two/mcp`, {
      method: 'POST',
      headers: { ...JSON_HEADERS, ...other },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    });
    await streamable.arrayBuffer();
    const heard = worker.heard.length;
    const elsewhere = await edge();
    for (const at of [base, elsewhere]) {
      const unknown = await told(await send(`${at}/message?sessionId=${UNKNOWN}`, other));
      for (const id of [...ids, ids[1]!.slice(0, -1) + (ids[1]!.endsWith('A') ? 'Q' : 'A'), streamable.headers.get('mcp-session-id')!])
        assert.deepEqual(await told(await send(`${at}/message?sessionId=${id}`, other)), unknown);
      assert.equal((unknown as [number])[0], first ? 404 : 503);
      for (const query of ['', '?sessionId=', '?sessionId=x'])
        assert.ok([400, 404].includes((await send(`${at}/message${query}`, own)).status), query);
      assert.equal((await send(`${at}/message?sessionId=${ids[1]}`)).status, 401);
    }
    assert.equal(worker.heard.length, heard, 'nothing of it was passed on');
    for (const id of ids) assert.equal((await send(`${base}/message?sessionId=${id}`, own)).status, 202);
  });
}
