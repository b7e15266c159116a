/** A client's file, said again in a file of ours that lies elsewhere. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importedYaml } from '../src/index.ts';
import { folder, load } from './loading.ts';

const WRITTEN = {
  cwd: 'sub',
  envFile: '.env',
  command: '${workspaceFolder}/run',
  args: ['${workspaceFolderBasename}', '$${workspaceFolder}', '${file:key}', '${TOK:-t}', 'server.js'],
};

test('wherever it is said, it means the same', (context) => {
  const base = folder(context, {
    'proj/.vscode/mcp.json': JSON.stringify({ servers: { a: { type: 'stdio', ...WRITTEN } } }),
    'proj/.vscode/key': 'k',
    'proj/.env': 'A=proj',
    'here/.env': 'A=here',
    'here/key': 'other',
  });
  const meant = (cwd: string, file: string) => load({ cwd, file }).config.servers['a'];
  const direct = meant(join(base, 'proj'), '.vscode/mcp.json');
  assert.equal(direct?.cwd, join(base, 'proj/sub'));
  for (const [at, from] of [
    ['here', '../proj/.vscode/mcp.json'],
    ['proj', '.vscode/mcp.json'],
  ] as const) {
    const cwd = join(base, at);
    writeFileSync(join(cwd, 'causeway.yaml'), importedYaml(from, cwd).yaml);
    assert.deepEqual(meant(cwd, 'causeway.yaml'), direct, at);
  }
});

test('where nothing would be another, it stands as it was; and whether others may read it is told', (context) => {
  const cwd = folder(context, { 'mcp.json': JSON.stringify({ mcpServers: { a: WRITTEN } }) });
  const imported = importedYaml('mcp.json', cwd);
  for (const said of ['cwd: sub\n', 'envFile: .env\n', '${workspaceFolder}/run', '${file:key}'])
    assert.ok(imported.yaml.includes(said), said);
  assert.equal(imported.yaml.includes(cwd), false);
  assert.equal(imported.closed, false);
  chmodSync(join(cwd, 'mcp.json'), 0o600);
  assert.equal(importedYaml('mcp.json', cwd).closed, true);
});
