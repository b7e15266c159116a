/** An edge that starts while a server has no worker, and so has never heard of that server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { silentLog } from '@causeway/runtime';
import { openEdge, type Edge } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker } from '../scripted-worker.ts';

const POST = { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } };
const CALL = { jsonrpc: '2.0', id: 1, method: 'a' };

const post = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { ...POST, headers: { ...POST.headers, ...headers }, body: JSON.stringify(body) });

async function opened(edge: Edge): Promise<string> {
  const answer = await post(`${edge.url}/servers/echo/mcp`, { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} });
  await answer.arrayBuffer();
  return answer.headers.get('mcp-session-id')!;
}

async function openedSse(edge: Edge): Promise<string> {
  const reader = (await fetch(`${edge.url}/servers/echo/sse`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value = '' } = await reader.read();
  return /sessionId=(\S+)/.exec(value)![1]!;
}

async function refusal(answer: Response): Promise<[number, string, boolean]> {
  const { error } = (await answer.json()) as { readonly error: { readonly data: { readonly reason: string } } };
  return [answer.status, error.data.reason, answer.headers.has('retry-after')];
}

test('a session of a server that this edge never saw is not ended: its id proves that the server was served', async () => {
  await using cluster = await openMemoryCluster();
  await using worker = await scriptedWorker(cluster, obliging);
  await using former = await openEdge({ cluster, log: silentLog() }, edgeOptions);
  const [session, sse] = [await opened(former), await openedSse(former)];
  await worker.vanish();
  const served = { default: false, recovery: 'restart' } as const;
  await using _other = await scriptedWorker(cluster, obliging, { git: served, hub: served });
  await using edge = await openEdge({ cluster, log: silentLog() }, edgeOptions);
  const echo = `${edge.url}/servers/echo`;

  const later = [503, 'cluster.no_worker', true];
  const headers = { 'mcp-session-id': session };
  assert.deepEqual(await refusal(await post(`${echo}/mcp`, CALL, headers)), later);
  assert.deepEqual(await refusal(await fetch(`${echo}/mcp`, { headers: { ...headers, accept: 'text/event-stream' } })), later);
  assert.deepEqual(await refusal(await fetch(`${echo}/mcp`, { method: 'DELETE', headers })), later);
  assert.deepEqual(await refusal(await post(`${echo}/message?sessionId=${sse}`, CALL)), later);
  assert.deepEqual(await refusal(await post(`${edge.url}/mcp`, CALL, headers)), later, 'whose default is not known');

  const unknown = [404, 'server.unknown', false];
  assert.deepEqual(await refusal(await post(`${echo}/mcp`, CALL)), unknown);
  assert.deepEqual(await refusal(await post(`${edge.url}/mcp`, CALL)), unknown);
  assert.match(await (await post(`${edge.url}/mcp`, CALL)).text(), /No server is the default/);
  assert.deepEqual(await refusal(await post(`${echo}/mcp`, CALL, { 'mcp-session-id': `${session.slice(0, -1)}-` })), unknown);
  assert.deepEqual(await refusal(await post(`${echo}/mcp`, CALL, { 'mcp-session-id': sse })), unknown);
  assert.deepEqual(await refusal(await post(`${echo}/message?sessionId=${session}`, CALL)), unknown);
  assert.deepEqual(await refusal(await post(`${edge.url}/servers/ecco/mcp`, CALL, headers)), unknown);
});
