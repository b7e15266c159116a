/** A server that asks whether anybody is there, as the Go SDK does for `KeepAlive`, and one that cleans up when its stdin ends. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, post, textOf, toolCall } from '../harness/speak.ts';
import { until } from '../harness/within.ts';

/** Asks before it answers initialize, and tells each call how many answers it has had; cleans up a moment after the end of its stdin. */
const SERVER = `
  import { createInterface } from 'node:readline';
  import { writeFileSync } from 'node:fs';
  const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
  let pongs = 0;
  let greet = () => undefined;
  process.stdin.on('end', () => setTimeout(() => { writeFileSync(process.env.CLEAN, 'clean'); process.exit(); }, 200));
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method, result } = JSON.parse(line);
    if (method === undefined && result !== undefined) return void (pongs++ === 0 ? greet() : undefined);
    if (method === 'initialize') {
      greet = () => say({ id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } } });
      say({ id: 'a', method: 'ping' });
    }
    if (method === 'notifications/initialized') say({ id: 'b', method: 'ping' });
    if (method === 'tools/call') say({ id, result: { content: [{ type: 'text', text: String(pongs) }] } });
  });
`;

describe('a server that looks after itself', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let clean: string;
  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'causeway-life-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    clean = join(directory, 'clean');
    const server = { command: process.execPath, args: ['--input-type=module', '-e', SERVER], env: { CLEAN: clean } };
    bridge = stack.use(await openCauseway('run', { servers: { alive: server } }));
  });
  after(() => stack.disposeAsync());

  it('is answered while its client does not listen, and given time when its session ends', async () => {
    const url = bridge.url('alive');
    const { headers } = await hello(url);
    const pongs = async (): Promise<true | undefined> => {
      const answer = await post(url, toolCall(1, 'any', {}), headers);
      return textOf(answer.messages.at(-1)) === '2' ? true : undefined;
    };
    await until(5_000, 'both answers', pongs);
    assert.equal((await fetch(url, { method: 'DELETE', headers: { ...headers } })).status, 200);
    await until(5_000, 'the clean-up', () =>
      readFile(clean, 'utf8').then(
        () => true as const,
        () => undefined,
      ),
    );
  });
});
