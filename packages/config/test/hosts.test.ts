import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, load } from './loading.ts';

test('an origin or a host that no request can have is a fault, as is an expression that is none', () => {
  const http = {
    allowedHosts: ['https://a.example', '*.a.example', 'a.example/x'],
    allowedOrigins: ['a.example', 'https://a.example/'],
    cors: ['/[/'],
  };
  const told = (place: string, written: string): string =>
    `options  http.${place}: not an origin: "${written}" (https://a.example, https://a.example:8443, * for every one, or /a regular expression/)`;
  const host = (index: number): string =>
    `options  http.allowedHosts[${index}]: not a host: "${http.allowedHosts[index]}" (mcp.example.com, mcp.example.com:8443, or * for every one)`;
  assert.deepEqual(faultsOf({ value: { http } }), [
    ...[host(0), host(1), host(2)],
    ...[told('allowedOrigins[0]', 'a.example'), told('allowedOrigins[1]', 'https://a.example/'), told('cors.origins[0]', '/[/')],
  ]);
  assert.match(faultsOf({ env: { CAUSEWAY_CORS: '1' } })[0]!, /^CAUSEWAY_CORS {2}not an origin: "1" /);
});

test('whatever a browser may say can be allowed', () => {
  const origins = ['*', 'null', 'https://a.example:8443', 'file://', 'vscode-webview://x1', String.raw`/^https:\/\/\S+$/`];
  const allowedHosts = ['*', 'a.example', 'a.example:80', '[::1]:80', '::1', 'bücher.example'];
  const { http } = load({ value: { http: { allowedHosts, allowedOrigins: origins, cors: { origins } } } }).config;
  assert.deepEqual(http.cors, { origins, headers: [] });
});
