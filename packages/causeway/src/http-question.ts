/**
 * Owns one question over HTTP to a bridge that runs already. No pool, so that a command ends with its answer.
 * Invariant: it ends: with an answer of any status, or with a `Failure` that says why there is none.
 */
import type { RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { request as overHttp } from '@causeway/runtime';
import { EXIT, Failure } from './failure.ts';

const MOST_BYTES = 64 * 1024 * 1024;

export interface Question extends Pick<RequestOptions, 'method' | 'headers'> {
  /** Milliseconds for the whole answer. */
  readonly wait: number;
  /** What to try where there is none. */
  readonly hints?: readonly string[];
}

/** Rejects with a `Failure`, `EXIT.unreachable`. */
export function ask(url: URL, { wait, hints = [], ...options }: Question): Promise<{ readonly status: number; readonly text: string }> {
  const failed = (why: string): Failure => new Failure(EXIT.unreachable, `${url.origin} does not answer: ${why}`, hints);
  return new Promise((resolve, reject) => {
    const how = { ...options, agent: false as const, signal: AbortSignal.timeout(wait) };
    const call = (url.protocol === 'https:' ? overHttps : overHttp)(url, how, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > MOST_BYTES) call.destroy(new Error('the answer is too large'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }));
      response.on('error', (error) => reject(failed(error.message)));
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      const late = error.name === 'TimeoutError' || error.name === 'AbortError';
      reject(failed(late ? `no answer within ${wait / 1000} s` : (error.code ?? error.message)));
    });
    call.end();
  });
}
