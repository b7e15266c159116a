/**
 * Owns one client of Streamable HTTP (2025-11-25) that is as good as clients get: no stickiness, what was refused is
 * tried again at another edge, a broken stream is taken up after its last event. It writes down what it sees.
 */
import { toolCall, type Headers, type Message } from '../harness/speak.ts';
import { Attempts, errorOf, refusalOf, retryWait } from './attempts.ts';
import { newRecord, settle, SILENCE, type ClientDeps, type LoadClient } from './client.ts';
import { Hearing } from './hearing.ts';
import type { Plan } from './plan.ts';
import type { CallRecord, SessionRecord } from './records.ts';
import { Standing } from './standing.ts';
import { send, type Ended } from './wire.ts';

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const REVISION = '2025-11-25';
/** Every call of every session has this id: ids of clients route nothing. */
const ID = 1;

/** Opens a session; without one, the record says why. */
export async function openStreamable(
  deps: ClientDeps,
  session: string,
  standing: boolean,
): Promise<{ readonly record: CallRecord; readonly client?: LoadClient }> {
  const record = newRecord(deps, session, 'initialize');
  const attempts = new Attempts(deps.bases, deps.random);
  const params = {
    protocolVersion: REVISION,
    capabilities: { elicitation: {}, roots: { listChanged: true } },
    clientInfo: { name: session, version: '1.0.0' },
  };
  const hearing = new Hearing(deps.evidence, session, () => hearing.stray('a question before the session was open'));
  const hello = { jsonrpc: '2.0', id: ID, method: 'initialize', params };
  const opened = await persist(deps, attempts, record, () => ({ body: hello, headers: {}, hearing }));
  const id = opened?.kind === 'answered' ? opened.headers['mcp-session-id'] : undefined;
  if (record.outcome === 'ok' && typeof id === 'string') {
    const headers = { ...deps.identity, 'mcp-session-id': id, 'mcp-protocol-version': REVISION };
    const body = { jsonrpc: '2.0', method: 'notifications/initialized' };
    const told = await persist(deps, new Attempts(deps.bases, deps.random), record, () => ({ body, headers, hearing }));
    if (told?.kind === 'answered' && told.status === 202) {
      const { client, server } = deps;
      const live: SessionRecord = { client, session, server, transport: 'streamable', id, standing, opened: Date.now() };
      deps.evidence.sessions.push(live);
      record.outcome = 'ok';
      return { record: settle(deps, record), client: new StreamableClient(deps, live, headers) };
    }
  } else if (record.outcome === 'ok') record.wrong = 'no session id';
  return { record: settle(deps, record) };
}

interface Asking {
  readonly body: Message;
  readonly headers: Headers;
  readonly hearing: Hearing;
  readonly heard?: Message[];
  readonly onId?: (id: string) => void;
  /** Something was sent, and nothing came back. */
  readonly onCut?: () => void;
}

/** Posts until there is an outcome; the record has it, unless the stream broke before the final message. */
async function persist(deps: ClientDeps, attempts: Attempts, record: CallRecord, ask: () => Asking): Promise<Ended | undefined> {
  for (;;) {
    const base = await attempts.edge();
    if (base === undefined) return void Object.assign(record, { outcome: 'error', reason: 'client.no_edge', executed: 'no' });
    const { body, headers, hearing, heard = [], onId, onCut } = ask();
    record.edges.push(base);
    const connection = deps.evidence.connection();
    const take = (message: Message) => {
      heard.push(message);
      if (message.method === undefined) final(record, message, body.id, hearing);
    };
    const ended = await send({
      agent: deps.agent,
      url: `${base}/servers/${deps.server}/mcp`,
      method: 'POST',
      headers: { ...JSON_HEADERS, ...deps.identity, ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(SILENCE),
      onEvent: (event) => {
        if (event.id !== undefined) onId?.(event.id);
        for (const message of hearing.event(event, connection)) take(message);
      },
    });
    const wait = retryWait(ended);
    if (ended.kind === 'unanswered' && ended.code !== 'ECONNREFUSED') onCut?.();
    if (wait !== undefined) {
      record.retried++;
      if (await attempts.again(wait)) continue;
    }
    if (ended.kind === 'unanswered') {
      if (ended.code !== 'ABORT_ERR') Object.assign(record, { outcome: 'error', reason: `client.${ended.code}`, executed: 'unknown' });
    } else if (ended.status >= 400) {
      Object.assign(record, { outcome: 'error', ...refusalOf(ended.status, ended.text) });
    } else if (!ended.stream && ended.text !== '') for (const message of hearing.text(ended.text)) take(message);
    return ended;
  }
}

function final(record: CallRecord, message: Message, id: unknown, hearing: Hearing): void {
  if (message.id !== id) return hearing.stray(`an answer to ${JSON.stringify(message.id)}, which was not asked`);
  if (++record.finals > 1) return;
  if (message.error === undefined) record.outcome = 'ok';
  else Object.assign(record, { outcome: 'error', ...errorOf(message) });
}

class StreamableClient implements LoadClient {
  readonly record: SessionRecord;
  readonly #deps: ClientDeps;
  readonly #headers: Headers;
  readonly #hearing: Hearing;
  readonly #standing: Standing | undefined;
  readonly #answers = new Set<Promise<unknown>>();
  #nonce = 0;

  constructor(deps: ClientDeps, record: SessionRecord, headers: Headers) {
    this.#deps = deps;
    this.record = record;
    this.#headers = headers;
    this.#hearing = new Hearing(deps.evidence, record.session, (question) => this.#answer(question));
    this.#standing = record.standing ? new Standing(deps, record, headers, this.#hearing) : undefined;
  }

  async call({ tool, args, own, tick, wrong }: Plan, posted?: (nonce: string) => void): Promise<CallRecord> {
    const { evidence, bases, random } = this.#deps;
    const record = newRecord(this.#deps, this.record.session, tool, own);
    const heard: Message[] = [];
    let last: string | undefined;
    const onId = (id: string) => (last = id);
    const onCut = () => evidence.cut(this.record.session, tick);
    const ended = await persist(this.#deps, new Attempts(bases, random), record, () => {
      const nonce = `${this.record.session}.${++this.#nonce}`;
      record.nonces.push(nonce);
      posted?.(nonce);
      const body = toolCall(ID, tool, { ...args, nonce }, tool === 'progress' ? { progressToken: ID } : undefined);
      return { body, headers: this.#headers, hearing: this.#hearing, heard, onId, onCut };
    });
    const broken = ended?.kind === 'answered' && ended.status < 400 && record.finals === 0;
    if (broken && last === undefined) Object.assign(record, { outcome: 'error', reason: 'client.cut', executed: 'unknown' });
    else if (broken) await this.#resume(record, heard, () => last!, onId);
    const result = heard.find(({ id, method }) => method === undefined && id === ID);
    if (record.outcome === 'ok' && result !== undefined) {
      const fault = wrong(result, heard);
      if (fault !== undefined) record.wrong = fault;
      if (tick !== undefined) evidence.ticksOf(this.record.session).said.set(tick, Date.now());
    }
    if (record.reason === 'client.cut') onCut();
    if (record.reason === 'request.session_unknown') this.#over('lost');
    return settle(this.#deps, record);
  }

  async close(): Promise<void> {
    if (this.record.ended === undefined) {
      const attempts = new Attempts(this.#deps.bases, this.#deps.random);
      for (;;) {
        const base = await attempts.edge();
        if (base === undefined) break;
        this.#over('deleted');
        const ended = await send({
          ...{ agent: this.#deps.agent, method: 'DELETE', headers: this.#headers, signal: AbortSignal.timeout(SILENCE) },
          url: `${base}/servers/${this.record.server}/mcp`,
        });
        const wait = retryWait(ended);
        this.record.confirmed = ended.kind === 'answered' && (ended.status === 200 || ended.status === 404);
        if (wait === undefined || !(await attempts.again(wait))) break;
      }
    }
    await this.#standing?.[Symbol.asyncDispose]();
    await Promise.all(this.#answers);
  }

  #over(end: 'deleted' | 'lost'): void {
    if (this.record.ended !== undefined) return;
    this.record.ended = Date.now();
    this.record.end = end;
    this.#standing?.leave();
  }

  /** GETs the rest of the call's stream until its final message. */
  async #resume(record: CallRecord, heard: Message[], last: () => string, onId: (id: string) => void): Promise<void> {
    const { agent, bases, random, evidence } = this.#deps;
    const attempts = new Attempts(bases, random);
    while (record.finals === 0) {
      const base = await attempts.edge();
      if (base === undefined) return;
      record.resumed++;
      record.edges.push(base);
      const connection = evidence.connection();
      const ended = await send({
        ...{ agent, method: 'GET', url: `${base}/servers/${this.record.server}/mcp`, signal: AbortSignal.timeout(SILENCE) },
        headers: { accept: 'text/event-stream', ...this.#headers, 'last-event-id': last() },
        onEvent: (event) => {
          if (event.id !== undefined) onId(event.id);
          for (const message of this.#hearing.event(event, connection)) {
            heard.push(message);
            if (message.method === undefined) final(record, message, ID, this.#hearing);
          }
        },
      });
      if (record.finals > 0) return;
      const wait = ended.kind === 'answered' && ended.status === 200 ? 50 : retryWait(ended);
      if (wait === undefined) {
        if (ended.kind === 'answered') Object.assign(record, { outcome: 'error', ...refusalOf(ended.status, ended.text) });
        return;
      }
      if (!(await attempts.again(wait))) return;
    }
  }

  /** Answers a question at another edge. */
  #answer({ id, params }: Message): void {
    const body = { jsonrpc: '2.0', id, result: { action: 'accept', content: { answer: params?.['message'] } } };
    const aside = newRecord(this.#deps, this.record.session, 'answer');
    const asking = () => ({ body: body as Message, headers: this.#headers, hearing: this.#hearing });
    const sent = persist(this.#deps, new Attempts(this.#deps.bases, this.#deps.random), aside, asking);
    this.#answers.add(sent);
    void sent.finally(() => this.#answers.delete(sent));
  }
}
