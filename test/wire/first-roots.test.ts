/**
 * A real server that asks for its client's roots by itself, a moment after the handshake: a call of a client without
 * a session that runs just then is none of its concern.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCauseway, type Causeway } from '../harness/processes.ts';
import { textOf } from '../harness/speak.ts';
import { call, told, UNABLE } from '../harness/stateless.ts';

const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

describe('a server that asks for roots when it starts', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { everything: { command: process.execPath, args: [EVERYTHING] } } }));
  });
  after(() => stack.disposeAsync());

  it('does not end the call of a client that has none, and knows afterwards that there are none', async () => {
    const url = bridge.url('everything');
    const long = await told(url, call(1, 'trigger-long-running-operation', { duration: 1, steps: 2 }, UNABLE));
    assert.match(textOf(long) ?? JSON.stringify(long), /^Long running operation completed/);
    const roots = await told(url, call(2, 'get-roots-list', {}, UNABLE));
    assert.match(textOf(roots) ?? JSON.stringify(roots), /no roots are currently configured/);
  });
});
