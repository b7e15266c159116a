import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitCommand } from '@causeway/config';
import { unpinned } from '../src/pinned.ts';

const look = (line: string): string | undefined => {
  const [command = '', ...args] = splitCommand(line);
  return unpinned(command, args)?.better;
};

test('a package without an exact version is told, with how it should be written', () => {
  for (const [line, better] of [
    ['npx -y @modelcontextprotocol/server-everything', '@modelcontextprotocol/server-everything@1.2.3'],
    ['npx mcp@latest', 'mcp@1.2.3'],
    ['npx -y mcp@^1.2.3 --flag', 'mcp@1.2.3'],
    ['npx mcp@1', 'mcp@1.2.3'],
    ['/usr/bin/npx --package=a-tool run', 'a-tool@1.2.3'],
    ['npm exec -- tool', 'tool@1.2.3'],
    ['pnpm dlx tool', 'tool@1.2.3'],
    ['bunx tool', 'tool@1.2.3'],
    ['uvx mcp-server-git', 'mcp-server-git@1.2.3'],
    ['uvx --from mcp-server-git mcp', 'mcp-server-git@1.2.3'],
    ['uvx --with x mcp-server-git>=1', 'mcp-server-git@1.2.3'],
    ['uv tool run mcp-server-git', 'mcp-server-git@1.2.3'],
    ['uvx mcp-server-git[all]', 'mcp-server-git[all]@1.2.3'],
  ])
    assert.equal(look(line!), better, line);
});

test('an exact version is well, and what cannot be judged is left alone', () => {
  for (const line of [
    'npx -y @modelcontextprotocol/server-everything@2026.8.31',
    'npx mcp@1.2.3-beta.1',
    'npx -p tool@1.2.3 run',
    'uvx mcp-server-git==2026.1.14',
    'uvx mcp-server-git@2026.1',
    'uvx --from mcp-server-git==1 mcp',
    'npx ./local',
    'npx github:owner/name',
    'uvx --from git+https://example.org/x mcp',
    'npx -y',
    'npx -c "a b"',
    'node server.js',
    'uv run server.py',
    'docker run mcp/git',
  ])
    assert.equal(look(line), undefined, line);
});
