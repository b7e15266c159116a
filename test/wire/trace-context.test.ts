/**
 * The context of a trace (SEP-414: `traceparent`, `tracestate` and `baggage` in `_meta`) passes the bridge as it is, from clients of
 * every era to servers of either, and back: a client and a server that are traced are in one trace.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, textOf, toolCall, type Message } from '../harness/speak.ts';
import { call, told, type Fields } from '../harness/stateless.ts';

const CONTEXT = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendorname1=opaqueValue1,  vendorname2=a"\\é\u0001',
  baggage: 'userId=Am%C3%A9lie,serverNode=DF%2028;isProduction=false',
};

/** A call of a tool, with metadata, and its answer. */
type Ask = (url: string, tool: string, args: Fields, meta: Fields) => Promise<Message>;

const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'by-hand', version: '1.0.0' } };

const CLIENTS: Readonly<Record<string, Ask>> = {
  '2024-11-05': async (url, tool, args, meta) => {
    const sse = url.replace(/mcp$/, 'sse');
    const stream = await openStream(sse);
    const { data } = await stream.events.next('the address', ({ event }) => event === 'endpoint');
    for (const message of [{ jsonrpc: '2.0', id: 'init', method: 'initialize', params }, toolCall('call', tool, args, meta)]) {
      await post(new URL(data, sse).href, message);
      await stream.message('the answer', ({ id }) => id === message.id);
    }
    await stream.drop();
    return stream.messages().at(-1)!;
  },
  '2025-06-18': async (url, tool, args, meta) => {
    const { headers } = await hello(url, '2025-06-18');
    return (await post(url, toolCall('call', tool, args, meta), headers)).messages.at(-1)!;
  },
  '2025-11-25': async (url, tool, args, meta) => {
    const { headers } = await hello(url, '2025-11-25');
    return (await post(url, toolCall('call', tool, args, meta), headers)).messages.at(-1)!;
  },
  '2026-07-28': (url, tool, args, meta) => told(url, call('call', tool, args, meta)),
};

describe('the context of a trace', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    const servers = { legacy: hostile(), modern: hostile({ ERA: 'modern' }) };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  for (const server of ['legacy', 'modern']) {
    for (const [revision, ask] of Object.entries(CLIENTS)) {
      it(`of a client of ${revision} comes to a ${server} server, alone and beside what else is said there`, async () => {
        const url = bridge.url(server);
        for (const more of [{}, { progressToken: 7 }, { 'vendor.example/key': { deep: [1] } }]) {
          const seen = JSON.parse(textOf(await ask(url, 'meta', {}, { ...CONTEXT, ...more }))!) as Fields;
          assert.partialDeepStrictEqual(seen, CONTEXT);
        }
      });

      it(`of a ${server} server's result comes to a client of ${revision}`, async () => {
        const result = JSON.stringify({ resultType: 'complete', content: [], _meta: CONTEXT });
        const answer = await ask(bridge.url(server), 'verbatim', { result }, {});
        assert.partialDeepStrictEqual(answer.result?.['_meta'], CONTEXT);
      });
    }
  }
});
