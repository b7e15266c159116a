/**
 * Owns what is said to who speaks no HTTP, or so slowly that it is none yet.
 * Invariant: nothing is said behind a request that is being answered, where it would be taken for that answer, or be in it.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CausewayError, errorResponse } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { noteRefusal } from './refusal.ts';

export interface BrokenRequest {
  readonly error: Error & { readonly code?: string };
  readonly socket: Socket;
  /** Milliseconds that a client may take to close its end, once it was told. */
  readonly linger: number;
}

export function refuseBroken(edge: EdgeContext, { error, socket, linger }: BrokenRequest): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  if (isAnswering(socket)) socket.end();
  else tellBroken(edge, error, socket);
  // Closed at once it might be reset, and the client would not see why.
  const cancel = edge.wheel.after(linger, () => socket.destroy());
  socket.once('close', cancel);
}

/** What Node tells its own refusals by: the response whose turn it is. */
interface Answering {
  readonly _httpMessage?: ServerResponse | null;
}

/** Whether somebody waits for an answer whose request came whole, or has a part of one. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: res } = socket as Answering;
  return res ? res.req.complete || res.headersSent : false;
}

function tellBroken(edge: EdgeContext, error: Error & { code?: string }, socket: Socket): void {
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = error.code === 'HPE_HEADER_OVERFLOW';
  const status = slow ? '408 Request Timeout' : large ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const told = new CausewayError(slow ? 'request.timeout' : 'request.header', { message: status.slice(4) });
  const body = errorResponse(undefined, told).toString();
  noteRefusal(edge, told, socket);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
