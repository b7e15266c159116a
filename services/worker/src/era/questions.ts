/**
 * Owns what a server with a handshake has asked in the middle of one call: each question under a name for the client and
 * under the server's own id.
 *
 * Invariants: a question is answered once, by its client, by a refusal, or at the end of its call; its name stays the
 * same over all rounds.
 */
import {
  answerTo,
  isObject,
  rawId,
  rawText,
  slice,
  toInputRequest,
  valueAt,
  type Frame,
  type InputRequest,
  type Members,
} from '@causeway/protocol';
import { NO_ROOTS, UNSUPPORTED } from '../pool/answer-alone.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';

/** Questions of one call that may be open at once. */
const MOST = 64;

interface Question {
  readonly request: InputRequest;
  /** The server's id, raw JSON. */
  readonly id: string;
  /** The server may have asked it by itself, and not for the call. */
  readonly stray: boolean;
}

export class Questions {
  readonly #process: PooledProcess;
  readonly #open = new Map<string, Question>();
  #asked = 0;

  constructor(process: PooledProcess) {
    this.#process = process;
  }

  /** Takes one in; `false`: too many are open. `stray`: it may be none of the call's. */
  add(frame: Frame, stray: boolean): boolean {
    if (this.#open.size >= MOST) return false;
    const { method = '', bytes, params } = frame;
    const request = toInputRequest(method, params && valueAt(bytes, params), params && Buffer.from(slice(bytes, params)));
    this.#asked += 1;
    this.#open.set(`${method.split('/')[0]}-${this.#asked}`, { request, id: rawId(frame), stray });
    return true;
  }

  get size(): number {
    return this.#open.size;
  }

  /** What is open, by name. */
  get requests(): Readonly<Record<string, InputRequest>> {
    return Object.fromEntries([...this.#open].map(([name, { request }]) => [name, request]));
  }

  /** The call is answered, and did not wait for those that were none of its own: they get what nobody's questions get. */
  letStray(): void {
    for (const [name, { id, stray }] of this.#open) {
      if (!stray) continue;
      this.#open.delete(name);
      this.#process.tell(answerTo(id, NO_ROOTS));
    }
  }

  /** The server takes one back. */
  withdraw({ bytes, requestId }: Frame): void {
    const id = requestId && rawText(bytes, requestId);
    for (const [name, question] of this.#open) if (question.id === id) this.#open.delete(name);
  }

  /** Refuses those that the client cannot be asked. */
  refuse(
    which: (request: InputRequest) => boolean,
    error: { readonly code: number; readonly message: string } = UNSUPPORTED,
  ): InputRequest[] {
    const refused: InputRequest[] = [];
    for (const [name, { request, id }] of this.#open) {
      if (!which(request)) continue;
      this.#open.delete(name);
      refused.push(request);
      this.#process.tell(answerTo(id, `"error":${JSON.stringify(error)}`));
    }
    return refused;
  }

  /** Hands over what a client answers, an object of results by name; names that are not open are ignored. */
  answer(body: Buffer, responses: Members | undefined): void {
    for (const [name, { id }] of this.#open) {
      const span = responses?.of.get(name);
      if (!span || !isObject(valueAt(body, span))) continue;
      this.#open.delete(name);
      this.#process.tell(answerTo(id, `"result":${rawText(body, span)}`));
    }
  }

  /** Nobody will answer: elicitations are cancelled, as their users would do; the rest fail. */
  giveUp(): void {
    for (const [name, { request, id }] of this.#open) {
      this.#open.delete(name);
      const elicits = request.method === 'elicitation/create';
      this.#process.tell(
        answerTo(id, elicits ? '"result":{"action":"cancel"}' : '"error":{"code":-32000,"message":"The client did not answer."}'),
      );
    }
  }
}
