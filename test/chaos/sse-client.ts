/**
 * Owns one client of HTTP+SSE (2024-11-05): one stream at one edge, each message posted at another. The session ends
 * with its stream; what was in flight then is known by nobody.
 */
import { toolCall, type Message } from '../harness/speak.ts';
import { Attempts, errorOf, refusalOf, retryWait, type Refusal } from './attempts.ts';
import { newRecord, settle, SILENCE, type ClientDeps, type LoadClient, type Opened } from './client.ts';
import { Hearing } from './hearing.ts';
import type { Plan } from './plan.ts';
import type { CallRecord, SessionRecord } from './records.ts';
import { send } from './wire.ts';

/** Milliseconds for which a call that was taken may be without an answer: it comes when the stream flows again, also after a minute without NATS. */
const UNANSWERED = 80_000;

export async function openSse(deps: ClientDeps, session: string): Promise<Opened> {
  const record = newRecord(deps, session, 'initialize');
  const attempts = new Attempts(deps.bases, deps.random);
  for (;;) {
    const base = await attempts.edge();
    if (base === undefined) return { record: settle(deps, Object.assign(record, { outcome: 'error', reason: 'client.no_edge' })) };
    const client = new SseClient(deps, session, base);
    const refused = await client.begun;
    if (refused !== undefined) {
      record.retried++;
      if (refused.wait !== undefined && (await attempts.again(refused.wait))) continue;
      Object.assign(record, { outcome: 'error', reason: refused.reason, executed: refused.executed });
      return { record: settle(deps, record) };
    }
    const hello = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: session, version: '1.0.0' } };
    await client.ask(record, () => ({ jsonrpc: '2.0', method: 'initialize', params: hello }));
    if (record.outcome === 'ok') await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    else await client.close();
    settle(deps, record);
    return record.outcome === 'ok' ? { record, client } : { record };
  }
}

interface Refused extends Refusal {
  readonly wait: number | undefined;
}

class SseClient implements LoadClient {
  /** Resolves when the stream has named the address for messages, or with the refusal. */
  readonly begun: Promise<Refused | undefined>;
  readonly #deps: ClientDeps;
  readonly #session: string;
  readonly #hearing: Hearing;
  readonly #leaving = new AbortController();
  readonly #over: Promise<void>;
  readonly #waiting = new Map<number, (answer: Message | undefined) => void>();
  #heard: Message[] = [];
  #record: SessionRecord | undefined;
  #path = '';
  #ended = false;
  #id = 0;

  constructor(deps: ClientDeps, session: string, base: string) {
    this.#deps = deps;
    this.#session = session;
    const answer = ({ id, params }: Message) =>
      void this.post({ jsonrpc: '2.0', id, result: { action: 'accept', content: { answer: params?.['message'] } } });
    this.#hearing = new Hearing(deps.evidence, session, answer);
    const { promise, resolve } = Promise.withResolvers<Refused | undefined>();
    this.begun = promise;
    this.#over = this.#stream(base, resolve);
  }

  get record(): SessionRecord {
    return this.#record!;
  }

  async call({ tool, args, own, tick, wrong }: Plan, posted?: (nonce: string) => void): Promise<CallRecord> {
    const record = newRecord(this.#deps, this.#session, tool, own);
    this.#heard = [];
    const ask = (id: number): Message => {
      const nonce = `${this.#session}.${id}`;
      record.nonces.push(nonce);
      posted?.(nonce);
      const { method, params } = toolCall(id, tool, { ...args, nonce }, tool === 'progress' ? { progressToken: id } : undefined);
      return { jsonrpc: '2.0', method: method!, params: params! };
    };
    const result = await this.ask(record, ask);
    if (record.retried > 0) this.#deps.evidence.cut(this.#session, tick);
    if (record.outcome === 'ok' && result !== undefined) {
      const fault = wrong(result, this.#heard);
      if (fault !== undefined) record.wrong = fault;
      if (tick !== undefined) this.#deps.evidence.ticksOf(this.#session).said.set(tick, Date.now());
    }
    return settle(this.#deps, record);
  }

  /** Posts a request until it was taken, and waits for its answer on the stream. */
  async ask(record: CallRecord, make: (id: number) => Message): Promise<Message | undefined> {
    const { promise, resolve } = Promise.withResolvers<Message | undefined>();
    const attempts = new Attempts(this.#deps.bases, this.#deps.random);
    let refused: Refusal | undefined;
    do {
      const id = ++this.#id;
      this.#waiting.set(id, resolve);
      if (this.#ended) resolve(undefined);
      refused = await this.#send({ ...make(id), id }, attempts, record);
      // A post without an answer may have been taken: it is made again as another request, and both may be answered.
      if (refused?.executed === 'unknown') this.#waiting.set(id, () => {});
      if (refused !== undefined) record.retried++;
    } while (refused?.reason === 'client.ECONNRESET' && (await attempts.again(50)));
    const late = setTimeout(() => resolve({ method: 'LATE' }), UNANSWERED);
    const answer = refused === undefined ? await promise : undefined;
    clearTimeout(late);
    if (refused !== undefined) Object.assign(record, { outcome: 'error', ...refused });
    else if (answer === undefined) Object.assign(record, { outcome: 'error', reason: 'client.stream_ended', executed: 'unknown' });
    else if (answer.method !== 'LATE') {
      record.finals++;
      if (answer.error === undefined) record.outcome = 'ok';
      else Object.assign(record, { outcome: 'error', ...errorOf(answer) });
    }
    return answer;
  }

  /** Tells the server something that has no answer. */
  async post(message: Message): Promise<void> {
    await this.#send(message, new Attempts(this.#deps.bases, this.#deps.random));
  }

  /** Posts until it was taken (`undefined`), refused for good, or not answered. */
  async #send(message: Message, attempts: Attempts, record?: CallRecord): Promise<Refusal | undefined> {
    for (;;) {
      const base = await attempts.edge();
      // Nobody has taken it.
      if (base === undefined || this.#ended) return { status: 0, reason: 'client.stream_ended', executed: 'no' };
      record?.edges.push(base);
      const ended = await send({
        ...{ agent: this.#deps.agent, method: 'POST', url: base + this.#path, signal: AbortSignal.timeout(SILENCE) },
        headers: { 'content-type': 'application/json', accept: 'application/json', ...this.#deps.identity },
        body: JSON.stringify(message),
      });
      if (ended.kind === 'answered' && ended.status === 202) return undefined;
      if (ended.kind === 'unanswered' && ended.code !== 'ECONNREFUSED') {
        return { status: 0, reason: `client.${ended.code}`, executed: 'unknown' };
      }
      const wait = retryWait(ended);
      if (wait !== undefined && (await attempts.again(wait))) {
        if (record !== undefined) record.retried++;
        continue;
      }
      if (ended.kind === 'unanswered') return { status: 0, reason: `client.${ended.code}`, executed: 'no' };
      const refusal = refusalOf(ended.status, ended.text);
      if (refusal.reason === 'request.session_unknown') this.#end('lost');
      return refusal;
    }
  }

  async close(): Promise<void> {
    this.#end('deleted');
    this.#leaving.abort();
    await this.#over;
  }

  async #stream(base: string, begin: (refused?: Refused) => void): Promise<void> {
    const { agent, server, client, evidence } = this.#deps;
    const url = `${base}/servers/${server}/sse`;
    const ended = await send({
      ...{ agent, method: 'GET', url, headers: { accept: 'text/event-stream', ...this.#deps.identity }, signal: this.#leaving.signal },
      onEvent: (event) => {
        if (event.event !== 'endpoint') return event.data === '' ? undefined : this.#take(this.#hearing.text(event.data));
        const { pathname, search } = new URL(event.data, url);
        this.#path = pathname + search;
        const live = {
          client,
          session: this.#session,
          server,
          transport: 'sse',
          id: this.#path,
          standing: false,
          opened: Date.now(),
        } as const;
        evidence.sessions.push((this.#record = live));
        begin();
      },
    });
    const refusal =
      ended.kind === 'answered' ? refusalOf(ended.status, ended.text) : { status: 0, reason: `client.${ended.code}`, executed: 'no' };
    begin({ ...refusal, wait: retryWait(ended) });
    this.#end('dropped');
  }

  #take(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#heard.push(message);
      if (message.method !== undefined) continue;
      const id = Number(message.id);
      const resolve = this.#waiting.get(id);
      if (resolve === undefined) this.#hearing.stray(`an answer to ${JSON.stringify(message.id)}, which nobody waits for`);
      this.#waiting.delete(id);
      resolve?.(message);
    }
  }

  #end(end: 'deleted' | 'lost' | 'dropped'): void {
    this.#ended = true;
    if (this.#record !== undefined) {
      this.#record.ended ??= Date.now();
      this.#record.end ??= end;
    }
    for (const resolve of this.#waiting.values()) resolve(undefined);
    if (end === 'lost') this.#leaving.abort();
  }
}
