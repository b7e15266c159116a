/** What weighs much and is not used is not loaded by a process that serves: Node's web client (docs/adr/0024), compilers of schemas. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const BIN = join(import.meta.dirname, '../bin/causeway.js');
const CHILD = join(import.meta.dirname, 'fixtures/child.mjs');
const FASTIFY = createRequire(join(import.meta.dirname, '../../../services/edge/package.json')).resolve('fastify');
const COMMANDS = join(import.meta.dirname, '../src/commands');

/** Says at its end which of the two it has. */
const look = `data:text/javascript,import{writeSync}from"node:fs";import{createRequire}from"node:module";
process.on("exit",()=>writeSync(2,"client "+process.moduleLoadList.some((name)=>name.includes("undici"))+", ajv "+Object.keys(createRequire("/").cache).some((name)=>name.includes("/ajv/"))))`;

function node(...args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', look, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part));
  return { child, ended: once(child, 'close').then(() => said) };
}

test('the look sees them where they are', async () => {
  assert.equal(
    await node('-e', `void Headers; require(${JSON.stringify(createRequire(FASTIFY).resolve('@fastify/ajv-compiler'))})`).ended,
    'client true, ajv true',
  );
});

test('no command loads them before they are used', async () => {
  const files = readdirSync(COMMANDS).map((name) => join(COMMANDS, name));
  assert.ok(files.length > 10);
  const all = files.map((file) => `await import(${JSON.stringify(file)});`).join('');
  assert.equal(await node('--input-type=module', '-e', all).ended, 'client false, ajv false');
});

test('a bridge that has served a session has not loaded them', async (t) => {
  const { child, ended } = node(BIN, '--port', '0', '--diagnostics-port', '0', '--admin-port', '0', '--', process.execPath, CHILD);
  t.after(() => child.kill('SIGKILL'));
  let url: string | undefined;
  for await (const line of createInterface(child.stdout)) {
    const { msg, ...facts } = JSON.parse(line) as { msg: string; url?: string };
    if (msg === 'listening') url = facts.url;
    if (url !== undefined) break;
  }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  const answer = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  assert.equal(answer.status, 200);
  await answer.text();
  child.stdout.resume();
  child.kill('SIGTERM');
  assert.match(await ended, /client false, ajv false$/);
});
