/** Durations by tool and prompt, whatever a call comes by, at an edge and at a worker: in the head of an envelope the name passes the bus. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile, stdio2025, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, toolCall } from '../harness/speak.ts';
import { ask, call } from '../harness/stateless.ts';

/** How often each was counted, e.g. `echo`, `echo tool_error`; without a name, its method in brackets. */
async function counts({ logs }: Causeway, side: 'client' | 'server', server: string): Promise<Readonly<Record<string, number>>> {
  const { diagnostics } = logs.items.find(({ msg }) => msg === 'listening' || msg === 'working')!;
  const text = await (await fetch(`${String(diagnostics)}/metrics`)).text();
  const counted = new RegExp(
    `^mcp_${side}_operation_duration_seconds_count\\{causeway_server="${server}",mcp_method_name="([^"]*)"` +
      '(?:,gen_ai_(?:tool|prompt)_name="([^"]*)")?(?:,error_type="([^"]*)")?\\} (\\d+)$',
    'gm',
  );
  const found = [...text.matchAll(counted)].filter(([, method]) => method !== 'initialize' && method !== 'server/discover');
  return Object.fromEntries(
    found.map(([, method, name = `[${method}]`, failed, count]) => [[name, failed].filter(Boolean).join(' '), Number(count)]),
  );
}

describe('durations by tool', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  before(async () => {
    const servers = { hostile: hostile(), modern: hostile({ ERA: 'modern' }), surface: stdio2025() };
    const config = { diagnostics: { port: 0, tools: 3 } };
    cluster = stack.use(await openBridgeCluster({ servers, nats: 1, edges: 1, workers: 1, config }));
  });
  after(() => stack.disposeAsync());

  const both = async (server: string, expected: Readonly<Record<string, number>>): Promise<void> => {
    assert.deepEqual(await counts(cluster.edges[0]!, 'server', server), expected);
    assert.deepEqual(await counts(cluster.workers[0]!, 'client', server), expected);
  };

  it('are of those that have answered, and of no name that a client made up, whatever a call comes by', async () => {
    const url = cluster.url('hostile');
    const { headers } = await hello(url);
    const told = (message: object): Promise<unknown> => post(url, message, headers);
    for (let nth = 0; nth < 20; nth += 1) await told(toolCall(nth, `made up ${nth}`));
    await told(toolCall(1, 'echo'));
    await told({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
    const older = await hello(url, '2025-03-26');
    await post(url, [toolCall(1, 'echo'), toolCall(2, 'progress')], older.headers);
    await ask(url, call(1, 'sleep', { ms: 1 }));
    await ask(url, call(2, 'made up'));
    await told(toolCall(3, 'big', { bytes: 10 }));
    await told(toolCall(4, 'x'.repeat(5_000)));

    const sse = cluster.edges[0]!.url('hostile', 'sse');
    const stream = await openStream(sse);
    const { data } = await stream.events.next('the address', ({ event }) => event === 'endpoint');
    const over = new URL(data, sse).href;
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'by-hand', version: '1.0.0' } };
    for (const message of [{ jsonrpc: '2.0', id: 8, method: 'initialize', params }, toolCall(9, 'echo'), toolCall(10, 'made up')]) {
      await post(over, message);
      await stream.message('the answer', ({ id }) => id === message.id);
    }
    await stream.drop();
    await both('hostile', { '_other tool_error': 23, echo: 3, '[tools/list]': 1, progress: 1, sleep: 1, _other: 1 });
  });

  it('are told also of a server of 2026-07-28, to clients of either era', async () => {
    const url = cluster.url('modern');
    const { headers } = await hello(url);
    await post(url, toolCall(1, 'echo'), headers);
    await ask(url, call(2, 'echo'));
    await both('modern', { echo: 2 });
  });

  it('are told of prompts by their own names', async () => {
    const url = cluster.url('surface');
    const { headers } = await hello(url);
    await post(url, { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'test_simple_prompt' } }, headers);
    await both('surface', { test_simple_prompt: 1 });
  });
});
