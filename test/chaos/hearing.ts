/**
 * Owns what a load client does with everything that arrives for one session, on whichever connection: it checks to
 * whom it belongs, writes down event ids and numbered notifications, and answers questions.
 */
import { ownersIn } from '../harness/canary.ts';
import type { SseEvent } from '../harness/event-stream.ts';
import type { Message } from '../harness/speak.ts';
import type { Evidence } from './records.ts';

/** Parsed leniently: what cannot be read is a stray. */
export function messagesIn(text: string): readonly Message[] {
  try {
    return [JSON.parse(text) as Message | Message[]].flat();
  } catch {
    return [{ method: 'UNPARSEABLE' }];
  }
}

export class Hearing {
  readonly #evidence: Evidence;
  readonly #session: string;
  readonly #answer: (question: Message) => void;
  readonly #answered = new Set<string>();

  constructor(evidence: Evidence, session: string, answer: (question: Message) => void) {
    this.#evidence = evidence;
    this.#session = session;
    this.#answer = answer;
  }

  /** Messages of an event; its id is written down as one of `connection`. */
  event({ id, data }: SseEvent, connection: number): readonly Message[] {
    const at = (id ?? '').lastIndexOf('.');
    if (id !== undefined && at > 0) {
      const seq = Number(id.slice(at + 1));
      this.#evidence.heard.push({ session: this.#session, connection, stream: id.slice(0, at), seq, at: Date.now() });
    }
    return data === '' ? [] : this.text(data);
  }

  /** Messages of a body or of an event. */
  text(text: string): readonly Message[] {
    for (const owner of ownersIn(text)) if (owner !== this.#session) this.stray(`a message of ${owner}`);
    const messages = messagesIn(text);
    for (const message of messages) this.#message(message);
    return messages;
  }

  stray(what: string): void {
    this.#evidence.strays.push({ session: this.#session, at: Date.now(), what });
  }

  #message(message: Message): void {
    const { method, id, params } = message;
    if (method === 'UNPARSEABLE') this.stray('a message that is no JSON');
    if (method === undefined) return;
    if (id !== undefined) {
      const key = JSON.stringify(id);
      // "The request ID MUST NOT have been previously used by the requestor within the same session."
      if (this.#answered.has(key)) this.stray(`a question with the id ${key}, which an earlier one had`);
      this.#answered.add(key);
      return this.#answer(message);
    }
    const tick = / tick (\d+)$/.exec(String(params?.['data']))?.[1];
    if (tick !== undefined) this.#evidence.tick(this.#session, Number(tick));
    else if (method === 'notifications/message' || method.endsWith('list_changed')) this.#told(message);
  }

  /** Numbered notifications that an owner had not sent when it was lost are excused: the client was told. */
  #told({ method = '', params }: Message): void {
    if (method === 'notifications/message' && params?.['level'] !== 'warning') return;
    this.#evidence.told.push({ session: this.#session, at: Date.now(), method });
    this.#evidence.ticksOf(this.#session).said.clear();
  }
}
