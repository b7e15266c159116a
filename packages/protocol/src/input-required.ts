/**
 * Owns what a server may ask of its client in the middle of a call, in the form of either era: which kinds there are,
 * which a client has declared that it answers, and the result that carries them. Pure.
 * Source: 2026-07-28 basic/patterns/mrtr, client/{elicitation,sampling,roots}; 2025-11-25 for the requests.
 */
import type { Capabilities } from './errors.ts';
import { membersAt, withoutMembers } from './members.ts';
import { isObject, type ClientCapabilities } from './meta.ts';
import { splice } from './splice.ts';

/** A question as both eras write it. */
export interface InputRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** `params` as whoever asks has written them, JSON text; absent: as they are. */
  readonly text?: string;
}

/** Methods whose calls may ask before they answer. */
export const ASKING_METHODS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

const KINDS = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;

export const isInputKind = (method: string): method is keyof typeof KINDS => Object.hasOwn(KINDS, method);

/** The capability that a client must declare to be asked this, as an object of capabilities. */
function requiredFor({ method, params }: InputRequest): Capabilities {
  if (!isInputKind(method)) return {};
  const kind = KINDS[method];
  if (kind === 'elicitation' && params['mode'] === 'url') return { elicitation: { url: {} } };
  if (kind === 'sampling' && params['tools'] !== undefined) return { sampling: { tools: {} } };
  return { [kind]: {} };
}

/** Whether the client has declared that it answers this. An empty `elicitation` means forms. */
export function mayAsk(capabilities: ClientCapabilities, question: InputRequest): boolean {
  if (!isInputKind(question.method)) return false;
  const declared = capabilities[KINDS[question.method]];
  if (!isObject(declared)) return false;
  const { params } = question;
  if (question.method === 'elicitation/create') {
    if (params['mode'] === 'url') return isObject(declared['url']);
    return isObject(declared['form']) || declared['url'] === undefined;
  }
  return question.method !== 'sampling/createMessage' || params['tools'] === undefined || isObject(declared['tools']);
}

/** Members that only the era with a session knows. */
const LEGACY_MEMBERS: ReadonlySet<string> = new Set(['_meta', 'elicitationId', 'task']);

/** A question of a server with a handshake, as the stateless era puts it. `written`: the bytes of `params`. */
export function toInputRequest(method: string, params: unknown, written?: Buffer): InputRequest {
  const entries = Object.entries(isObject(params) ? params : {}).filter(([name]) => !LEGACY_MEMBERS.has(name));
  const request = { method, params: Object.fromEntries(entries) };
  const members = written && membersAt(written);
  return members ? { ...request, text: splice(written, withoutMembers(written, members, LEGACY_MEMBERS)).toString() } : request;
}

/** The result that asks; JSON text. At least one of the two is given. */
export function inputRequired(requests: Readonly<Record<string, InputRequest>>, requestState: string | undefined): string {
  const asked = Object.entries(requests).map(
    ([name, { method, params, text = JSON.stringify(params) }]) =>
      `${JSON.stringify(name)}:{"method":${JSON.stringify(method)},"params":${text}}`,
  );
  const state = requestState === undefined ? '' : `,"requestState":${JSON.stringify(requestState)}`;
  return `{"resultType":"input_required","inputRequests":{${asked.join(',')}}${state}}`;
}

/** Capabilities of several questions in one object. */
export function allRequired(questions: Iterable<InputRequest>): Capabilities {
  const all: Record<string, object> = {};
  for (const question of questions) for (const [kind, how] of Object.entries(requiredFor(question))) all[kind] = { ...all[kind], ...how };
  return all;
}
