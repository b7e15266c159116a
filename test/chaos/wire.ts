/**
 * Owns one HTTP exchange of a load client: what arrived, and whether it arrived whole. Nothing is retried here and
 * nothing rejects: a connection that fails is an outcome.
 */
import { request, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { SseParser, type SseEvent } from '../harness/event-stream.ts';

export interface Sending {
  readonly agent: Agent;
  readonly url: string;
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the exchange from our side. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SseEvent) => void;
  /** A stream has begun. */
  readonly onStream?: (headers: IncomingHttpHeaders) => void;
}

export type Ended =
  | { readonly kind: 'unanswered'; readonly code: string }
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      /** Empty for a stream. */
      readonly text: string;
      readonly stream: boolean;
      /** The peer came to its end. */
      readonly whole: boolean;
    };

export function send({ agent, url, method, headers, body, signal, onEvent, onStream }: Sending): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const outgoing = request(url, { method, agent, headers: { ...headers, ...length }, ...(signal === undefined ? {} : { signal }) });
  outgoing.on('error', (error: NodeJS.ErrnoException) => resolve({ kind: 'unanswered', code: error.code ?? error.name }));
  outgoing.on('response', (response: IncomingMessage) => {
    const stream = (response.headers['content-type'] ?? '').startsWith('text/event-stream');
    const parts: Buffer[] = [];
    const parser = new SseParser((event) => onEvent?.(event));
    if (stream) onStream?.(response.headers);
    response.on('data', (part: Buffer) => (stream ? parser.push(part) : void parts.push(part)));
    response.on('error', () => {});
    response.on('close', () => {
      const { statusCode: status = 0, complete: whole } = response;
      resolve({ kind: 'answered', status, headers: response.headers, text: Buffer.concat(parts).toString(), stream, whole });
    });
  });
  outgoing.end(body);
  return promise;
}
