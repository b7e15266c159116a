/**
 * Clients that come back for a call that is over: they are told that nothing more comes, and leave the session's own
 * stream alone. The 1.x client does so after each error, since it takes only a result for an answer.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client as NextClient, StreamableHTTPClientTransport as NextTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import type { Fetch } from '../harness/rotating.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers } from '../harness/speak.ts';
import { Inbox } from '../harness/within.ts';

interface Get {
  readonly from: string | null;
  readonly status: number;
}

/** A client, the GETs that it sends, what it complains of and what it hears of the server's own accord. */
interface Watched extends AsyncDisposable {
  readonly gets: Inbox<Get>;
  /** Streams of its calls. */
  readonly streams: Inbox<string>;
  readonly complaints: readonly string[];
  readonly logs: Inbox<unknown>;
  call(name: string, args: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<unknown>;
}

const INFO = { name: 'back', version: '1.0.0' };

function watch(): Pick<Watched, 'gets' | 'streams' | 'logs'> & { readonly complaints: string[]; readonly fetch: Fetch } {
  const gets = new Inbox<Get>();
  const streams = new Inbox<string>();
  const traced: Fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (init?.method === 'GET') gets.push({ from: new globalThis.Headers(init.headers).get('last-event-id'), status: response.status });
    else if (response.headers.get('content-type') === 'text/event-stream') streams.push(init?.body as string);
    return response;
  };
  return { gets, streams, complaints: [], logs: new Inbox(), fetch: traced };
}

async function first(url: string): Promise<Watched> {
  const { fetch: traced, ...seen } = watch();
  const client = new Client(INFO);
  Object.assign(client, { onerror: ({ message }: Error) => void seen.complaints.push(message) });
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => seen.logs.push(params.data));
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: traced });
  await client.connect(transport);
  const call: Watched['call'] = (name, args, signal) =>
    client.callTool({ name, arguments: { ...args } }, undefined, signal === undefined ? {} : { signal });
  return { ...seen, call, [Symbol.asyncDispose]: () => client.close() };
}

async function next(url: string): Promise<Watched> {
  const { fetch: traced, ...seen } = watch();
  const client = new NextClient(INFO, { capabilities: {} });
  Object.assign(client, { onerror: ({ message }: Error) => void seen.complaints.push(message) });
  client.setNotificationHandler('notifications/message', ({ params }) => seen.logs.push(params.data));
  const transport = new NextTransport(new URL(url), { fetch: traced });
  await client.connect(transport);
  const call: Watched['call'] = (name, args, signal) =>
    client.callTool({ name, arguments: { ...args } }, signal === undefined ? {} : { signal });
  return { ...seen, call, [Symbol.asyncDispose]: () => client.close() };
}

const ERROR = { line: '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"no such thing"}}' };
/** Milliseconds that a client is told to wait before it comes back. */
const RETRY = 100;

describe('clients that come back for a call that is over', { concurrency: 9 }, () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  before(async () => {
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile(), hasty: hostile({}, { requestTimeout: '300ms' }) },
        config: { streams: { retry: `${RETRY}ms` } },
      }),
    );
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  /** A message of no call, after many times the pause: by then whoever comes back again and again has done so. */
  async function isQuiet({ call, logs }: Watched): Promise<void> {
    await call('notify', { method: 'notifications/message', params: { level: 'info', data: 'at last' }, ms: 15 * RETRY });
    await logs.next('a message on the standalone stream', (data) => data === 'at last');
  }

  it('the 1.x client comes back once after an error, and keeps its own stream', async () => {
    await using client = await first(url);
    await client.gets.next('the standalone stream', ({ status }) => status === 200);
    await assert.rejects(client.call('line', ERROR), /no such thing/);
    await client.gets.next('its return', ({ from }) => from !== null);
    await isQuiet(client);
    assert.deepEqual(
      client.gets.items.map(({ from, status }) => [from === null ? 'fresh' : 'back', status]),
      [
        ['fresh', 200],
        ['back', 204],
      ],
    );
    assert.deepEqual(client.complaints, []);
  });

  it('the 1.x client comes back once after an error of the bridge', async () => {
    await using client = await first(bridge.url('hasty'));
    await client.gets.next('the standalone stream', ({ status }) => status === 200);
    await assert.rejects(client.call('never', {}));
    assert.equal((await client.gets.next('its return', ({ from }) => from !== null)).status, 204);
    assert.deepEqual(client.complaints, []);
  });

  for (const [generation, open] of [
    ['1.x', first],
    ['2.x', next],
  ] as const)
    for (const [what, name] of [
      ['has said nothing', 'never'],
      ['has said something', 'logThenNothing'],
    ] as const)
      it(`the ${generation} client comes back once, if at all, after it has cancelled a call that ${what}`, async () => {
        await using client = await open(url);
        await client.gets.next('the standalone stream', ({ status }) => status === 200);
        const abort = new AbortController();
        const called = client.call(name, {}, abort.signal);
        called.catch(() => undefined);
        await client.streams.next('the stream of the call', (body) => body.includes(name));
        if (name !== 'never') await client.logs.next('its message', () => true);
        abort.abort();
        await assert.rejects(called);
        await isQuiet(client);
        const back = client.gets.items.slice(1);
        assert.ok(back.length <= 1 && back.every(({ from, status }) => from !== null && status === 204), JSON.stringify(client.gets.items));
        assert.deepEqual(client.complaints, []);
      });

  const back = (headers: Headers, id: string): Promise<Response> =>
    fetch(url, { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': id } });

  it('whoever has all of a call is answered 204, however many calls ago it was', async () => {
    const { headers } = await hello(url);
    const { events } = await post(url, toolCall(1, 'progress', { n: 2 }, { progressToken: 't' }), headers);
    const [last, earlier] = [events.at(-1)!.id!, events.at(-2)!.id!];
    const nothing = await back(headers, last);
    assert.deepEqual([nothing.status, nothing.headers.get('content-type'), await nothing.text()], [204, null, '']);
    const rest = await back(headers, earlier);
    assert.deepEqual([rest.status, rest.headers.get('content-type')], [200, 'text/event-stream']);
    await rest.body?.cancel();
    for (let call = 2; call < 80; call++) await post(url, toolCall(call, 'echo'), headers);
    assert.equal((await back(headers, last)).status, 204);
    // Its end is no longer kept: what this one has missed is not said to be nothing.
    assert.equal((await back(headers, earlier)).status, 400);
  });

  it('whoever has cancelled a call is answered 204, also where the call had said nothing', async () => {
    const { headers } = await hello(url);
    await using call = await openCall(url, toolCall('c', 'never'), headers);
    const priming = await call.events.next('the priming event', ({ id }) => id !== undefined);
    await post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } }, headers);
    await call.ended;
    assert.equal((await back(headers, priming.id!)).status, 204);
  });

  it('a standalone stream that was taken over can be resumed, also where nothing had come on it', async () => {
    const { headers } = await hello(url);
    await using old = await openStream(url, { headers });
    const priming = await old.events.next('its priming event', ({ id }) => id !== undefined);
    await using _fresh = await openStream(url, { headers });
    await old.ended;
    await using again = await openStream(url, { headers: { ...headers, 'last-event-id': priming.id! } });
    await post(url, toolCall(1, 'notify', { method: 'notifications/message', params: { level: 'info', data: 'here' } }), headers);
    await again.message('a message', ({ params }) => params?.['data'] === 'here');
    assert.equal(textOf((await post(url, toolCall(2, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
  });
});
