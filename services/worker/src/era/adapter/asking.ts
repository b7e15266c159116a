/**
 * Owns what a server of the stateless era asks for in the middle of a call, as questions of an era with a handshake to
 * the session's client: each is a request of its own, and the answers of one round come together under the server's keys.
 * Source: 2026-07-28 basic/patterns/mrtr; 2025-11-25 client/{elicitation,sampling,roots}.
 *
 * Invariants: nothing of a round is asked unless the client has declared that it answers all of it; an id is used once; a
 * round is over once: with every answer, with the first failure, or withdrawn; questions that are then open are taken
 * back; answers go to the server as the client wrote them.
 */
import { randomUUID } from 'node:crypto';
import {
  cancellationOf,
  isInputKind,
  mayAsk,
  membersAt,
  membersOf,
  outlineOf,
  rawText,
  requestOf,
  slice,
  splice,
  textOf,
  withMembers,
  type ClientCapabilities,
  type Members,
  type Outline,
} from '@causeway/protocol';

/** Questions of one round. */
const MOST = 64;

/** `input`: the answers by key, as JSON text of an object. */
export type Outcome = { readonly input: string } | { readonly failed: string };

export interface Question {
  readonly key: string;
  readonly method: string;
  /** JSON text. */
  readonly params: string | undefined;
}

interface Round {
  readonly call: number;
  /** Keys of the questions that are open, by the id that the client was given. */
  readonly open: Map<number, string>;
  readonly answers: string[];
  readonly settled: (outcome: Outcome) => void;
  over: boolean;
}

export interface AskingPorts {
  /** An id that nothing else has. */
  mint(): number;
  /** A message for the client, on the way of the call. */
  say(bytes: Buffer, call: number): void;
}

export class Asking {
  readonly #ports: AskingPorts;
  readonly #rounds = new Map<number, Round>();

  constructor(ports: AskingPorts) {
    this.#ports = ports;
  }

  /** Asks a round of questions. Gives the way to take them back, after which nothing is told. */
  begin(call: number, questions: readonly Question[], settled: Round['settled']): () => void {
    const round: Round = { call, open: new Map(), answers: [], settled, over: false };
    const asked = questions.map((question) => ({ id: this.#ports.mint(), ...question }));
    for (const { id, key } of asked) {
      round.open.set(id, key);
      this.#rounds.set(id, round);
    }
    for (const { id, method, params } of asked) {
      // One that cannot be passed on is answered at once, and ends the round.
      if (round.over) break;
      this.#ports.say(requestOf(id, method, params), call);
    }
    return () => this.#close(round);
  }

  /** The client's answer to one of these; `false`: it is not. */
  answer(id: number, bytes: Buffer, message: Outline): boolean {
    const round = this.#rounds.get(id);
    const key = round?.open.get(id);
    if (!round || key === undefined) return false;
    this.#rounds.delete(id);
    round.open.delete(id);
    const result = message.of.get('result');
    if (!result) {
      this.#end(round, { failed: `The client did not give what the server asked for: ${reasonOf(bytes, message)}` });
      return true;
    }
    round.answers.push(`${JSON.stringify(key)}:${rawText(bytes, result)}`);
    if (round.open.size === 0) this.#end(round, { input: `{${round.answers.join(',')}}` });
    return true;
  }

  /** The session is over: nothing is told any more. */
  close(): void {
    for (const round of this.#rounds.values()) round.over = true;
    this.#rounds.clear();
  }

  #end(round: Round, outcome: Outcome): void {
    if (round.over) return;
    this.#close(round);
    round.settled(outcome);
  }

  #close(round: Round): void {
    if (round.over) return;
    round.over = true;
    for (const id of round.open.keys()) {
      this.#rounds.delete(id);
      this.#ports.say(cancellationOf(id, 'no answer is needed any more'), round.call);
    }
    round.open.clear();
  }
}

/** What a client says of its refusal, which nobody has looked into yet. */
function reasonOf(bytes: Buffer, { of }: Outline): string {
  const span = of.get('error');
  const error = span && Buffer.from(slice(bytes, span));
  return (error && textOf(error, outlineOf(error, {}), 'message')) ?? 'no reason';
}

/** What `inputRequests` asks for, among `bytes`; or why it cannot be asked. */
export function questionsOf(bytes: Buffer, { of }: Members, client: ClientCapabilities): readonly Question[] | string {
  if (of.size > MOST) return `The server asks for ${of.size} things at once; ${MOST} are passed on.`;
  const questions: Question[] = [];
  for (const [key, { start }] of of) {
    const request = membersAt(bytes, start);
    const method = textOf(bytes, request, 'method') ?? '';
    const params = membersOf(bytes, request, 'params');
    if (!isInputKind(method)) return `The server asks for something that is unknown here: ${JSON.stringify(method.slice(0, 40))}.`;
    const facts = { mode: textOf(bytes, params, 'mode'), tools: params?.of.get('tools') };
    if (!mayAsk(client, { method, params: facts })) {
      return `The server asks for ${method}${facts.mode === 'url' ? ' at a URL' : ''}, and this client has not declared that it answers that.`;
    }
    questions.push({ key, method, params: params && textFor(bytes, params, facts.mode) });
  }
  return questions;
}

/** Parameters in the form of an era with a handshake, where an elicitation at a URL has an id of its own. */
function textFor(bytes: Buffer, params: Members, mode: string | undefined): string {
  if (mode !== 'url' || params.of.has('elicitationId')) return rawText(bytes, params.span);
  const text = Buffer.from(slice(bytes, params.span));
  return splice(text, [withMembers(membersAt(text)!, `"elicitationId":"${randomUUID()}"`)]).toString();
}
