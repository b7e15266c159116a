/**
 * Clients that leave one of their streams unread: the other calls of the session, or of those who share the process
 * without one, are answered all the same, each stream keeps its order, no answer is lost, and what is unread is bounded.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SseParser, type SseEvent } from '../harness/event-stream.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, post, textOf, toolCall, type Answer, type Headers, type Message } from '../harness/speak.ts';
import { ask, call, headersOf } from '../harness/stateless.ts';
import { Inbox, timed } from '../harness/within.ts';

/** A stream that is asked for and read only when that is said. */
class Unread implements Disposable {
  readonly #socket: Socket;
  readonly #parser = new SseParser((event) => this.events.push(event));
  #head: Buffer | undefined = Buffer.alloc(0);
  readonly events = new Inbox<SseEvent>();

  constructor(port: number, method: 'GET' | 'POST', path: string, headers: Headers, body = '') {
    const all = { host: '127.0.0.1', accept: 'application/json, text/event-stream', ...headers };
    const length = body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const head = Object.entries({ ...all, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
    // HTTP/1.0: the answer comes without chunks.
    this.#socket = connect({ port, host: '127.0.0.1' });
    this.#socket.pause();
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.pause();
    this.#socket.write(`${method} ${path} HTTP/1.0\r\n${head.join('')}\r\n${body}`);
  }

  #take(chunk: Buffer): void {
    if (this.#head === undefined) return this.#parser.push(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const rest = this.#head.subarray(end + 4);
    this.#head = undefined;
    this.#parser.push(rest);
  }

  read(): void {
    this.#socket.resume();
  }

  /** Reads its priming event: from here on what is said has a reader, and is not bounded as what nobody asks for. */
  async begun(): Promise<void> {
    this.read();
    await this.events.next('the beginning of the stream', () => true);
    this.#socket.pause();
  }

  /** Reads until a message contains `text`, and no further; resolves once everything on the way is full. */
  async readTo(text: string): Promise<void> {
    this.read();
    await this.events.next(text, ({ data }) => data.includes(text));
    this.#socket.pause();
    // The last to be stopped is the child, in the middle of a write: nothing is left that could tell.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }

  messages(): readonly Message[] {
    return this.events.items.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data) as Message);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

const ascending = (numbers: readonly number[]): boolean => numbers.every((number, at) => at === 0 || number > numbers[at - 1]!);
/** The numbers of a flood's messages. */
const flooded = (messages: readonly Message[]): number[] =>
  messages.flatMap(({ params }) => (typeof params?.['data'] === 'string' ? [Number(params['data'].split(' ')[1])] : []));

describe('a stream that is not read', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  const path = '/servers/hostile/mcp';

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile(), modern: hostile({ ERA: 'modern' }) } }));
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  /** Calls one after the other; each answered in less than a second. Everything that their streams brought. */
  async function echoes(count: number, echo: (id: string) => Promise<Answer>): Promise<Message[]> {
    const brought: Message[] = [];
    for (let at = 0; at < count; at++) {
      const { ms, value } = await timed(() => echo(`e${at}`));
      assert.equal(textOf(value.messages.at(-1)), 'on');
      assert.ok(ms < 1_000, `call ${at} took ${ms} ms`);
      brought.push(...value.messages);
    }
    return brought;
  }

  for (const { n, bytes } of [
    { n: 40_000, bytes: 300 },
    { n: 4_000, bytes: 5_000 },
  ]) {
    it(`GET, ${n} notifications of ${bytes} bytes: calls are answered, and what is missed is counted`, async () => {
      const { headers } = await hello(url);
      const logged = bridge.logs.items.length;
      using stream = new Unread(bridge.port, 'GET', path, headers);
      await stream.begun();
      const scheduled = await post(url, toolCall(1, 'floodLater', { n, bytes, tag: 'f' }), headers);
      await stream.readTo('fff');
      const brought = [...scheduled.messages, ...(await echoes(5, echo(headers)))];
      stream.read();
      const rest = brought.some((message) => flooded([message])[0] === n);
      if (!rest) await stream.events.next('the last of the flood', ({ data }) => data.includes(`f ${n} `));
      const read = flooded(stream.messages());
      assert.ok(ascending(flooded(brought)) && ascending(read));
      const missed = n - new Set([...flooded(brought), ...read]).size;
      assert.ok(missed < 2_000, `${missed} missed`);
      const counted = (): number => bridge.logs.items.slice(logged).reduce((sum, line) => sum + Number(line['missed'] ?? 0), 0);
      if (missed > 0) await bridge.logs.next('the count', () => counted() === missed);
    });
  }

  const echo = (headers: Headers) => (id: string) => post(url, toolCall(id, 'echo', { text: 'on' }), headers, 40_000);
  const n = 8_000;
  const args = { n, tag: 'x'.repeat(2_000) };

  /** Reads what there is: progress in its order, up to the latest, though not all of it, and the answer. */
  async function readOn(stream: Unread): Promise<void> {
    stream.read();
    await stream.events.next('the answer', ({ data }) => data.includes('"unread"'));
    const messages = stream.messages();
    assert.equal(textOf(messages.at(-1)), `done ${n}`);
    const progress = messages.slice(0, -1).map(({ params }) => Number(params?.['progress']));
    assert.ok(ascending(progress));
    assert.equal(progress.at(-1), n, 'the latest is there');
    assert.ok(progress.length < n, 'and not every one before it');
  }

  it('POST with progress: calls are answered, progress is coalesced, its own answer comes last', async () => {
    const { headers } = await hello(url);
    const unread = toolCall('unread', 'progress', args, { progressToken: 'mine' });
    using stream = new Unread(bridge.port, 'POST', path, headers, JSON.stringify(unread));
    await stream.readTo('"progress":1,');
    // For as long as this one waits the child is read on, and comes to its end.
    const long = post(url, toolCall('long', 'sleep', { ms: 2_000 }), headers);
    await echoes(5, echo(headers));
    assert.equal(textOf((await long).messages.at(-1)), 'slept');
    await readOn(stream);
  });

  it('POST without a session: calls of others at the same process are answered, and else it is the same', async () => {
    const shared = bridge.url('modern');
    const pidOf = async (id: string): Promise<string | undefined> => textOf((await ask(shared, call(id, 'pid'))).messages.at(-1));
    const pid = await pidOf('before');
    const unread = call('unread', 'progress', args, { progressToken: 'mine' });
    using stream = new Unread(bridge.port, 'POST', '/servers/modern/mcp', headersOf(unread), JSON.stringify(unread));
    await stream.readTo('"progress":1,');
    const long = ask(shared, call('long', 'sleep', { ms: 2_000 }));
    await echoes(5, (id) => ask(shared, call(id, 'echo', { text: 'on' })));
    assert.equal(await pidOf('meanwhile'), pid);
    assert.equal(textOf((await long).messages.at(-1)), 'slept');
    await readOn(stream);
  });
});
