import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { HttpConfig } from '@causeway/config';
import { createGuard, requireJson } from '../../src/http/guard.ts';

const http: HttpConfig = {
  allowedHosts: ['mcp.example:8443', 'Bridge.Example'],
  allowedOrigins: ['https://app.example'],
  cors: false,
  maxBody: 1,
  maxConnections: 1,
  headers: {},
  healthPaths: [],
  paths: {},
};
const request = (headers: Record<string, string>, raw: readonly string[] = Object.entries(headers).flat()): IncomingMessage =>
  ({ headers, rawHeaders: raw }) as unknown as IncomingMessage;
const guard = createGuard(http);

test('hosts: loopback, addresses and the listed ones pass, every other name is refused', () => {
  for (const host of [
    'localhost',
    'localhost:8000',
    '127.0.0.1:1',
    '10.1.2.3',
    '[::1]:8000',
    'a.localhost',
    'mcp.example:8443',
    'bridge.example:99',
    'LOCALHOST',
  ]) {
    guard.origin(request({ host }));
  }
  for (const host of [
    'evil.example',
    'mcp.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a@localhost',
    'localhost:x',
    '',
    'local host',
  ]) {
    assert.throws(() => guard.origin(request({ host })), { reason: 'request.host' }, host);
  }
});

test('hosts: those that the bridge announces itself pass', () => {
  const announced = createGuard({ ...http, baseUrl: 'https://Public.Example:8443/mcp' }, 'box.lan');
  for (const host of ['public.example:8443', 'public.example', 'box.lan:8000']) announced.origin(request({ host }));
  assert.throws(() => announced.origin(request({ host: 'other.example' })), { reason: 'request.host' });
});

test('origins: absent, loopback and the listed ones pass', () => {
  for (const origin of ['http://localhost:5173', 'https://127.0.0.1', 'http://[::1]:1', 'https://app.example'])
    guard.origin(request({ host: 'localhost', origin }));
  for (const origin of [
    'http://evil.example',
    'null',
    '',
    'https://app.example.evil',
    'http://localhost.evil',
    'file://localhost',
    'http://app.example',
  ]) {
    assert.throws(() => guard.origin(request({ host: 'localhost', origin })), { reason: 'request.origin' }, origin);
  }
});

test('an expression among the origins is taken as it is written', () => {
  const cors = { origins: [String.raw`/^https:\/\/app-\S+\.example$/`], headers: [] };
  const matching = createGuard({ ...http, cors });
  matching.origin(request({ host: 'localhost', origin: 'https://app-1.Example' }));
  assert.throws(() => matching.origin(request({ host: 'localhost', origin: 'https://app-.example' })), { reason: 'request.origin' });
});

test('a stream is begun for no page of another site that has a browser ask without an origin, as for an image', () => {
  const image = { host: 'localhost', accept: 'image/webp,*/*;q=0.8' };
  assert.throws(() => guard.acceptStream(request({ ...image, 'sec-fetch-site': 'cross-site' })), { reason: 'request.origin' });
  for (const site of ['none', 'same-origin', 'same-site']) guard.acceptStream(request({ ...image, 'sec-fetch-site': site }));
  guard.acceptStream(request({ ...image, origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }));
  guard.acceptStream(request(image));
});

test('headers that may come once are refused when they come twice', () => {
  for (const name of [
    'Host',
    'Origin',
    'Authorization',
    'Content-Type',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'Last-Event-ID',
    'mcp-param-x',
  ]) {
    const raw = ['host', 'localhost', name, 'a', name.toLowerCase(), 'a'];
    assert.throws(() => guard.origin(request({ host: 'localhost', [name]: 'a' }, raw)), { reason: 'request.header' }, name);
  }
  guard.origin(request({ host: 'localhost' }, ['host', 'localhost', 'accept', 'a', 'accept', 'b']));
});

test('accept: both types, or ranges that cover them', () => {
  for (const accept of [
    'application/json, text/event-stream',
    'text/event-stream;q=0.9,application/json',
    '*/*',
    'application/*, text/*',
  ]) {
    guard.acceptBoth(request({ accept }));
  }
  for (const accept of ['', 'application/json', 'text/event-stream', 'application/json, text/event-stream;q=0', 'text/html']) {
    assert.throws(() => guard.acceptBoth(request({ accept })), { reason: 'request.accept' }, accept);
  }
});

test('a browser that is pointed at an endpoint is told what it is, and starts no session', () => {
  const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
  guard.acceptStream(request({ accept }));
  assert.throws(() => guard.acceptStream(request({ accept, 'sec-fetch-mode': 'navigate' })), {
    reason: 'request.accept',
    message: /an endpoint for MCP clients/,
  });
  guard.acceptStream(request({ accept: 'text/event-stream', 'sec-fetch-mode': 'cors' }));
});

test('bodies: JSON in UTF-8, uncompressed', () => {
  for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/json;charset="UTF-8"'])
    requireJson(request({ 'content-type': type }));
  for (const type of [
    '',
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'application/json; boundary=x',
    'multipart/form-data',
  ]) {
    assert.throws(() => requireJson(request({ 'content-type': type })), { reason: 'request.content_type' }, type);
  }
  assert.throws(() => requireJson(request({ 'content-type': 'application/json', 'content-encoding': 'gzip' })), {
    reason: 'request.content_type',
  });
});
