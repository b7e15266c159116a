import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createCors } from '../../src/http/cors.ts';

/** The headers that a preflight which wants these is allowed. */
function allowed(wanted: string): readonly string[] {
  const cors = createCors({ origins: ['https://app.example'], headers: ['X-Own'] });
  let told: Record<string, string> = {};
  const req = {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': wanted },
  };
  const res = { setHeader: () => undefined, writeHead: (_status: number, head: typeof told) => void (told = head), end: () => undefined };
  assert.ok(cors.answer(req as unknown as IncomingMessage, res as unknown as ServerResponse));
  return told['access-control-allow-headers']!.split(', ');
}

test('a preflight is allowed every header that may repeat an argument, and no other that it asks for', () => {
  const parameters = ['mcp-param-a.b', 'Mcp-Param-Region', "mcp-param-!#$%&'*+-.^_`|~9"];
  const before = allowed('');
  assert.ok(before.includes('X-Own'));
  assert.deepEqual(allowed(`content-type, ${parameters.join(' ,')}, mcp-param-, mcp-param-a b, mcp-param-(x), x-mcp-param-y`), [
    ...before,
    ...parameters,
  ]);
});
