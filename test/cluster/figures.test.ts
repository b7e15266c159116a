/** Figures of requests whose worker is lost: an edge counts them by that, however their answers were to come. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openBridgeCluster } from '../harness/cluster.ts';
import { hostile, openCauseway } from '../harness/processes.ts';
import { openStream, post, toolCall } from '../harness/speak.ts';

it('a call whose answer was to come on a stream of 2024-11-05 counts as lost with its worker, not as left by its client', async () => {
  const servers = { hostile: hostile() };
  await using cluster = await openBridgeCluster({ servers, nats: 1, edges: 1, workers: 1, config: { diagnostics: { port: 0 } } });
  const [edge] = cluster.edges;
  const sse = edge!.url('hostile', 'sse');
  const stream = await openStream(sse);
  const { data } = await stream.events.next('the address', ({ event }) => event === 'endpoint');
  const over = new URL(data, sse).href;
  const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'by-hand', version: '1.0.0' } };
  await post(over, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  await stream.message('the answer', ({ id }) => id === 0);
  await post(over, toolCall(1, 'never'));
  const { mark } = cluster;
  await using _next = await openCauseway('worker', { servers, mark, args: ['--nats', cluster.nats.urls.join(',')] });
  cluster.workers[0]!.kill('SIGKILL');
  // A message makes a next owner, which knows nothing of the call: the stream ends.
  await post(over, { jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
  await stream.ended;
  const { diagnostics } = edge!.logs.items.find(({ msg }) => msg === 'listening')!;
  const text = await (await fetch(`${String(diagnostics)}/metrics`)).text();
  assert.deepEqual(
    text.split('\n').filter((line) => line.startsWith('mcp_server_operation_duration_seconds_count')),
    ['initialize"} 1', 'tools/call",error_type="cluster.owner_lost"} 1'].map(
      (rest) => `mcp_server_operation_duration_seconds_count{causeway_server="hostile",mcp_method_name="${rest}`,
    ),
  );
});
