/**
 * Owns what a client of the stateless era gets for the answer of a server with a handshake: its result with what that
 * revision adds to it, its error under the codes of that revision.
 * Source: WIRE §3.3; 2026-07-28 basic, server/tools, client/elicitation (URL mode).
 */
import {
  CausewayError,
  completing,
  inputRequired,
  isObject,
  mayAsk,
  membersIn,
  membersOf,
  splice,
  valueAt,
  type Frame,
  type InputRequest,
  type Members,
} from '@causeway/protocol';
import type { PooledProcess } from '../pool/pooled-process.ts';
import type { StatelessRequest } from '../stateless/request.ts';
import { METHOD_NOT_FOUND, statusOfUnknown } from './unknown-method.ts';

/** Answers `request`; `failed`: as figures name it. */
export function answerFromLegacy(
  request: StatelessRequest,
  frame: Frame,
  { greeting, serverInfo }: Pick<PooledProcess, 'greeting' | 'serverInfo'>,
  failed: string | undefined,
): void {
  const { response, method } = request;
  const { bytes } = frame;
  const id = { span: frame.id!, bytes: response.id };
  if (!frame.error) {
    const edits = completing(bytes, membersIn(bytes, frame.result), method, serverInfo);
    return response.answer(splice(bytes, [id, ...edits]), { failed });
  }
  const error = membersIn(bytes, frame.error);
  const code = error?.of.get('code');
  const number = code && valueAt(bytes, code);
  if (number === -32042) return urlFirst(request, bytes, error);
  const edits = number === -32002 && code ? [id, { span: code, bytes: Buffer.from('-32602') }] : [id];
  const status = number === METHOD_NOT_FOUND ? statusOfUnknown(method, greeting) : undefined;
  response.answer(splice(bytes, edits), { status, failed });
}

/** The server wants something done at a URL before the call is made again. */
function urlFirst({ meta, response }: StatelessRequest, bytes: Buffer, error: Members | undefined): void {
  const data = membersOf(bytes, error, 'data')?.of.get('elicitations');
  const listed = data ? valueAt(bytes, data) : [];
  const requests = (Array.isArray(listed) ? listed : [])
    .filter(isObject)
    .map(({ url, message }, at): [string, InputRequest] => [
      `elicitation-${at + 1}`,
      { method: 'elicitation/create', params: { mode: 'url', url, message } },
    ]);
  const asked = requests.filter(([, request]) => mayAsk(meta.capabilities, request));
  if (asked.length > 0) return response.result(inputRequired(Object.fromEntries(asked), undefined));
  response.fail(new CausewayError('request.capability', { required: { elicitation: { url: {} } } }));
}
