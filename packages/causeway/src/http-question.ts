/**
 * Owns questions over HTTP to what runs already: one that is answered at once, and a request whose answer the caller reads.
 * Invariant: `ask` ends: with an answer of any status, or with a `Failure` that says why there is none.
 */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { request as overHttp } from '@causeway/runtime';
import { EXIT, Failure } from './failure.ts';

/** Bytes of an answer. */
const MOST_BYTES = 64 * 1024 * 1024;

export interface Sending extends Pick<RequestOptions, 'method' | 'headers' | 'signal' | 'agent'> {
  readonly body?: string;
  readonly rejectUnauthorized?: boolean;
}

/** The head of an answer of any status; what follows it is the caller's to read. Rejects with what Node says. */
export function send(url: URL, { body, ...options }: Sending): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = (url.protocol === 'https:' ? overHttps : overHttp)(url, options, resolve);
    call.on('error', reject);
    call.end(body);
  });
}

/** What follows a head, part by part; throws where it is too large, or broken off. What its reader leaves is let go. */
export async function* partsOf(response: IncomingMessage): AsyncGenerator<string> {
  let bytes = 0;
  try {
    for await (const part of response.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      bytes += Buffer.byteLength(part as string);
      if (bytes > MOST_BYTES) throw response.destroy(new Error('the answer is too large')).errored!;
      yield part as string;
    }
  } finally {
    response.resume();
  }
}

/** Why there is no answer, in a few words. */
export function why(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' || name === 'AbortError' ? 'no answer in time' : (code ?? message);
}

export interface Question extends Pick<RequestOptions, 'method' | 'headers'> {
  /** Milliseconds for the whole answer. */
  readonly wait: number;
  /** What to try where there is none. */
  readonly hints?: readonly string[];
  /** Whoever answers is believed to be the one that was asked, whatever its certificate says. Default false. */
  readonly trusting?: boolean;
}

/** No pool, so that a command ends with its answer. Rejects with a `Failure`, `EXIT.unreachable`. */
export async function ask(
  url: URL,
  { wait, hints = [], trusting = false, ...options }: Question,
): Promise<{ readonly status: number; readonly text: string }> {
  const signal = AbortSignal.timeout(wait);
  try {
    const response = await send(url, { ...options, agent: false, signal, rejectUnauthorized: !trusting });
    return { status: response.statusCode ?? 0, text: (await Array.fromAsync(partsOf(response))).join('') };
  } catch (error) {
    const text = signal.aborted ? `no answer within ${wait / 1000} s` : why(error);
    throw new Failure(EXIT.unreachable, `${url.origin} does not answer: ${text}`, [...hints, ...tlsHints(url, text)]);
  }
}

/** As Node calls what is wrong with a certificate. */
const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/;

/** What to try where TLS, or that there is none, may be why `url` does not answer. */
export function tlsHints(url: URL, why: string): string[] {
  if (UNTRUSTED.test(why)) return ['NODE_EXTRA_CA_CERTS=FILE names the authority that its certificate is of'];
  if (why === 'ERR_TLS_CERT_ALTNAME_INVALID') return ['its certificate is for another name: ask by that'];
  if (/^ERR_SSL_.*(?:CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/.test(why))
    return ['it asks its clients for a certificate; health is told without one on the diagnostics port (--port 9464)'];
  if (url.protocol === 'http:' && (why === 'ECONNRESET' || why === 'UND_ERR_SOCKET')) return [`where it speaks TLS: https://${url.host}`];
  return url.protocol === 'https:' && /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(why)
    ? [`it speaks no TLS: http://${url.host}`]
    : [];
}
