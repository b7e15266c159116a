/**
 * Owns one call of a client without a session to a server of the same era: the message passes as it is, under an id and
 * a token that are unique at the child, which others may use at the same time.
 * Source: WIRE §3.4; 2026-07-28 basic/patterns/mrtr.
 *
 * Invariants: a call that wants logs holds its child alone, for nothing else tells whose logs they are; a state that the
 * server gives goes to the client sealed, with the name of the child, and comes back to the server as it was.
 */
import {
  type CausewayError,
  failureOf,
  membersIn,
  sealState,
  splice,
  textOf,
  valueAt,
  type Edit,
  type Frame,
  type Members,
} from '@causeway/protocol';
import { answerAlone } from '../pool/answer-alone.ts';
import type { Lease } from '../pool/lease.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';
import { audienceOf, forModern, type StatelessRequest } from '../stateless/request.ts';
import { CallInUse } from './call.ts';
import type { EraDeps } from './deps.ts';
import { METHOD_NOT_FOUND, statusOfUnknown } from './unknown-method.ts';

/** Errors of the era's own that refuse a request as a whole: what HTTP says of them. */
const STATUS: ReadonlyMap<unknown, number> = new Map([
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
]);

/** Sends the request to the server; every outcome is told to its response. */
export function callModern(deps: EraDeps, lease: Lease, request: StatelessRequest): void {
  const { response } = request;
  const { process } = lease;
  const use = new CallInUse(deps, lease, request);
  // What it may still log must not reach the next one.
  use.run(response, { left: () => use.abandon('the client left', 'cancelled', process.holder ? 'doubtful' : 'sound') });
  const heard = (frame: Frame): void => {
    if (frame.kind === 'request') answerAlone(process, frame);
    else if (frame.method === 'notifications/message') response.logged(frame);
  };
  process.holder = request.meta.logLevel === undefined ? undefined : { heard };
  const failed = (error: CausewayError): void => {
    use.end('doubtful', error.reason);
    response.fail(error);
  };
  const id = process.begin({
    reader: response.reader,
    answered: (frame) => {
      const failed = failureOf(frame, request.method);
      use.end('sound', failed);
      answer(deps, { request, process, frame, failed });
    },
    progress: (frame) => response.progress(frame),
    failed,
  });
  use.began(id);
  try {
    process.write(forModern(request, id));
  } catch (error) {
    failed(error as CausewayError);
  }
}

interface Answer {
  readonly request: StatelessRequest;
  readonly process: PooledProcess;
  readonly frame: Frame;
  readonly failed: string | undefined;
}

function answer(deps: EraDeps, { request, process, frame, failed }: Answer): void {
  const { response } = request;
  const { bytes } = frame;
  const id: Edit = { span: frame.id!, bytes: response.id };
  const code = membersIn(bytes, frame.error)?.of.get('code');
  if (code) return response.answer(splice(bytes, [id]), { status: statusOf(valueAt(bytes, code), request.method, process), failed });
  response.answer(splice(bytes, [id, ...sealing(deps, request, process.id, bytes, membersIn(bytes, frame.result))]), { failed });
}

function statusOf(code: unknown, method: string, { greeting }: PooledProcess): number | undefined {
  return code === METHOD_NOT_FOUND ? statusOfUnknown(method, greeting) : STATUS.get(code);
}

/** The server's state in the envelope that brings it back here. */
function sealing(
  { clock, key, worker }: EraDeps,
  request: StatelessRequest,
  process: string,
  bytes: Buffer,
  result: Members | undefined,
): readonly Edit[] {
  if (textOf(bytes, result, 'resultType') !== 'input_required') return [];
  const inner = textOf(bytes, result, 'requestState');
  const span = result?.of.get('requestState');
  if (inner === undefined || !span) return [];
  const expires = clock.now() + request.server.pool.parked;
  const state = sealState(key, { worker, process, inner, expires }, audienceOf(request));
  return [{ span, bytes: Buffer.from(JSON.stringify(state)) }];
}
