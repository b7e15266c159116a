/** What each client is given, as literals: these are other people's formats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENTS } from '../../src/mcp/client-configs.ts';

const plain = { name: 'git', url: 'http://127.0.0.1:8000/servers/git/mcp', headers: {} };
const keyed = { name: 'far', url: 'http://bridge:8000/servers/far/mcp', headers: { Authorization: 'Bearer k', 'X-Team': 'a b' } };
const documentFor = (client: string): unknown => CLIENTS[client]!([plain, keyed]).document;

test('Claude Code and VS Code are told the type, Cursor needs none', () => {
  const { Authorization } = keyed.headers;
  const headers = { Authorization, 'X-Team': 'a b' };
  const http = { git: { type: 'http', url: plain.url }, far: { type: 'http', url: keyed.url, headers } };
  assert.deepEqual(documentFor('claude-code'), { mcpServers: http });
  assert.deepEqual(documentFor('vscode'), { servers: http });
  assert.deepEqual(documentFor('cursor'), { mcpServers: { git: { url: plain.url }, far: { url: keyed.url, headers } } });
});

test('Claude Desktop is given a program in between, which is not shown the values of headers', () => {
  assert.deepEqual(documentFor('claude-desktop'), {
    mcpServers: {
      git: { command: 'npx', args: ['-y', 'mcp-remote', plain.url] },
      far: {
        command: 'npx',
        args: [
          '-y',
          'mcp-remote',
          keyed.url,
          '--allow-http',
          '--header',
          'Authorization:${HEADER_AUTHORIZATION}',
          '--header',
          'X-Team:${HEADER_X_TEAM}',
        ],
        env: { HEADER_AUTHORIZATION: 'Bearer k', HEADER_X_TEAM: 'a b' },
      },
    },
  });
});

test('each says where it goes, in a line', () => {
  for (const [name, configOf] of Object.entries(CLIENTS)) assert.match(configOf([plain]).place, /^\S.*json/i, name);
});
