/** `causeway demo` against a bridge of one process: the command line, the words, the exit codes. Killing is test/compose's. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openOperator, type Operator } from '../harness/operator.ts';
import { openCauseway, type Causeway } from '../harness/processes.ts';

const everything = {
  command: process.execPath,
  args: [fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))],
};

describe('demo', () => {
  const stack = new AsyncDisposableStack();
  let operator: Operator;
  let bridge: Causeway;
  before(async () => {
    operator = stack.use(await openOperator());
    bridge = stack.use(await openCauseway('run', { servers: { everything } }));
  });
  after(() => stack.disposeAsync());

  it('says what a client saw, in words and as JSON', async () => {
    const said = await operator.run('demo', '--url', bridge.url('everything'), '--calls', '12');
    assert.deepEqual([said.code, said.stderr], [0, '']);
    assert.match(said.stdout, /^session \S{8}\n calls 12\/12 ok\n asked again 0\n lost 0 {3}p50 \d+ ms {3}p99 \d+ ms {3}longest \d+ ms\n$/);
    const document = (await operator.run('demo', '--url', bridge.url('everything'), '--calls', '3', '--format', 'json')).json();
    assert.partialDeepStrictEqual(document, { calls: 3, answered: 3, served: {}, lost: [], again: { cut: 0 } });
  });

  it('refuses what cannot be: 2 for a mistake, 4 where nobody answers', async () => {
    for (const [code, ...args] of [
      [2, '--url', 'ftp://x'],
      [2, '--calls', '0'],
      [2, '--kil-edge'],
      [2, '--url', `${bridge.base}/servers/nobody/mcp`],
      [4, '--url', 'http://127.0.0.1:1/mcp'],
      [4, '--kill-edge', '--url', bridge.url('everything')],
    ] as const) {
      const said = await operator.run('demo', ...args);
      assert.deepEqual([said.code, said.stdout], [code, ''], args.join(' '));
      assert.match(said.stderr, /^error: /);
    }
  });
});
