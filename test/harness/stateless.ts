/**
 * Owns 2026-07-28 spoken by hand: a request with its metadata, the headers that repeat the body, and the next round
 * of a call that wants input. Every part can be changed or left out by the test.
 */
import assert from 'node:assert/strict';
import { openStream, post, type Answer, type Headers, type Message, type OpenStream } from './speak.ts';

export const PREFIX = 'io.modelcontextprotocol/';
export type Fields = Readonly<Record<string, unknown>>;

/** Everything a client can be asked for. */
const ABLE = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };

/** The metadata of a request; `more` is added, and what it sets to `undefined` is left out. */
export function meta(more: Fields = {}): Fields {
  return {
    [`${PREFIX}protocolVersion`]: '2026-07-28',
    [`${PREFIX}clientInfo`]: { name: 'by-hand', version: '1.0.0' },
    [`${PREFIX}clientCapabilities`]: ABLE,
    ...more,
  };
}

/** A request. `more` goes into its metadata. */
export function request(id: unknown, method: string, params: Fields = {}, more: Fields = {}): Message {
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta(more) } };
}

/** A tools/call. */
export function call(id: unknown, name: string, args: Fields = {}, more: Fields = {}): Message {
  return request(id, 'tools/call', { name, arguments: args }, more);
}

/** A client that declares nothing. */
export const UNABLE = { [`${PREFIX}clientCapabilities`]: {} };

/** The headers that repeat what the message says, as a client sends them. */
export function headersOf({ method, params }: Message): Headers {
  const { name, uri, _meta } = (params ?? {}) as { readonly name?: string; readonly uri?: string; readonly _meta?: Fields };
  const named = method === 'resources/read' ? uri : method === 'tools/call' || method === 'prompts/get' ? name : undefined;
  return {
    'mcp-protocol-version': (_meta?.[`${PREFIX}protocolVersion`] as string | undefined) ?? '2026-07-28',
    'mcp-method': method!,
    ...(named === undefined ? {} : { 'mcp-name': named }),
  };
}

/** POSTs it with its headers, and those in `more`; the whole answer. */
export function ask(url: string, message: Message, more: Headers = {}): Promise<Answer> {
  return post(url, message, { ...headersOf(message), ...more });
}

/** The last message of an answer, whose id is that of the request. */
export async function told(url: string, message: Message, more: Headers = {}): Promise<Message> {
  const answer = await ask(url, message, more);
  const last = answer.messages.at(-1);
  assert.deepEqual(last?.id, message.id, `${answer.status} ${answer.text.slice(0, 1_000)}`);
  return last!;
}

/** POSTs it and leaves the stream of its answer open. */
export function openAsk(url: string, message: Message, more: Headers = {}): Promise<OpenStream> {
  const headers = { 'content-type': 'application/json', ...headersOf(message), ...more };
  return openStream(url, { method: 'POST', headers, body: JSON.stringify(message) });
}

/** A subscriptions/listen, acknowledged. */
export async function listen(url: string, id: unknown, notifications: Fields): Promise<OpenStream> {
  const stream = await openAsk(url, request(id, 'subscriptions/listen', { notifications }));
  await stream.message('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged');
  return stream;
}

/** The id of the subscription that a notification is for. */
export const subscriptionOf = ({ params, result }: Message): unknown =>
  ((params ?? result)?.['_meta'] as Fields | undefined)?.[`${PREFIX}subscriptionId`];

export interface Wanted {
  readonly inputRequests: Readonly<Record<string, { readonly method: string; readonly params?: Fields }>>;
  readonly requestState?: string;
}

/** What a result asks for; fails if it asks for nothing. */
export function wantedBy(message: Message): Wanted {
  assert.equal(message.result?.['resultType'], 'input_required', JSON.stringify(message).slice(0, 1_000));
  return message.result as unknown as Wanted;
}

/** An answer to any question of the fixtures, by method. */
export const ANSWERS: Readonly<Record<string, Fields>> = {
  'elicitation/create': { action: 'accept', content: { name: 'Ada', ok: true, response: 'yes', color: 'blue', context: 'rain' } },
  'sampling/createMessage': { model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } },
  'roots/list': { roots: [{ uri: 'file:///srv' }] },
};

/** The next round: the same request, with an answer to each question and the state as it came. */
export function retry(message: Message, id: unknown, { inputRequests, requestState }: Wanted, answers: Fields = {}): Message {
  const given = Object.entries(inputRequests ?? {}).map(([key, { method }]) => [key, answers[key] ?? ANSWERS[method]]);
  return { ...message, id, params: { ...message.params, inputResponses: Object.fromEntries(given) as Fields, requestState } };
}
