/**
 * Owns what every refusal of the bridge must look like, and every error after dispatch: a JSON-RPC error with
 * `data.source`, `reason`, `executed` and `retryable`, and nothing about the inside of the machine.
 */
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import type { Message } from './speak.ts';

/** What must never be in a body: markup, stacks, paths, commands, subjects. */
const INSIDE = [
  /<[a-z!/]/i,
  /\bat \S+ \(/,
  /node:internal/,
  /node_modules/,
  /\/home\/|\/root\/|\/tmp\/|\/usr\//,
  /\bcw\.[a-z]+\./,
  new RegExp(`\\b${basename(process.cwd())}/`),
];

export function assertNothingInside(text: string): void {
  for (const pattern of INSIDE) assert.doesNotMatch(text, pattern);
  assert.ok(!text.includes(process.execPath), 'the body names the program of the child');
}

export interface Expected {
  readonly status: number;
  /** One code, or those that are right. */
  readonly code: number | readonly number[];
  /** As in the error table. */
  readonly reason: string;
  readonly executed?: 'no' | 'unknown';
}

/** The error member, after checking everything about a refusal that came before dispatch. */
export function assertRefused(
  answer: { readonly status: number; readonly text: string },
  expected: Expected,
): NonNullable<Message['error']> {
  assert.equal(answer.status, expected.status, answer.text.slice(0, 500));
  const message = JSON.parse(answer.text) as Message;
  assert.equal(message.jsonrpc, '2.0');
  const error = assertError(message, expected.code, expected.reason, expected.executed ?? 'no');
  assertNothingInside(answer.text);
  return error;
}

/** The error member of a message, after checking its code and its data. */
export function assertError(
  message: Message | undefined,
  code: number | readonly number[],
  reason: string,
  executed: 'no' | 'unknown',
): NonNullable<Message['error']> {
  const error = message?.error;
  assert.ok(error !== undefined, `no error: ${JSON.stringify(message)?.slice(0, 500)}`);
  const codes: readonly number[] = typeof code === 'number' ? [code] : code;
  assert.ok(codes.includes(error.code), `code ${error.code}, wanted ${codes.join(' or ')}: ${JSON.stringify(error)}`);
  assert.equal(typeof error.message, 'string');
  assert.equal(error.data?.['source'], 'causeway');
  assert.equal(error.data?.['reason'], reason);
  assert.equal(error.data?.['executed'], executed);
  assert.equal(typeof error.data?.['retryable'], 'boolean');
  assert.match(String(error.data['ref']), /^[\w-]{8}$/);
  assertNothingInside(JSON.stringify(error));
  return error;
}
