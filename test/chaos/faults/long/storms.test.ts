/** Very many at once, and clients that vanish without a word. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCauseway } from '../../../harness/processes.ts';
import { post, textOf, toolCall } from '../../../harness/speak.ts';
import { until } from '../../../harness/within.ts';
import { Attempts, retryWait } from '../../attempts.ts';
import { openCable } from '../../cable.ts';
import { aside, assertNoneFailed } from '../../expect.ts';
import { FULL, openFaults } from '../../stage.ts';
import { send } from '../../wire.ts';

const CLIENT = fileURLToPath(new URL('../../vanishing-client.mjs', import.meta.url));
const CROWD = FULL ? 1_000 : 300;
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

describe('storms', () => {
  // Few enough for the memory of one machine.
  const faults = openFaults({ config: { worker: { capacity: 60 } } });

  it(
    `F27 ${CROWD} clients open sessions at once, more than there is room for: all are served in the end, no lease is lost`,
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });
      const bases = () => world.bases();
      let refused = 0;
      const visit = async (nth: number) => {
        const attempts = new Attempts(bases, random, 240_000);
        const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: `v${nth}`, version: '1' } };
        for (;;) {
          const url = `${await attempts.edge()}/servers/steady/mcp`;
          const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
          const opened = await send({ agent, url, method: 'POST', headers: JSON_HEADERS, body, signal: AbortSignal.timeout(120_000) });
          const wait = retryWait(opened);
          if (wait !== undefined) {
            refused++;
            assert.ok(await attempts.again(wait), `client ${nth} was never served`);
            continue;
          }
          assert.ok(opened.kind === 'answered' && opened.status === 200, JSON.stringify(opened));
          const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
          const echoed = await post(url, toolCall(nth, 'echo', { text: `v${nth}` }), headers, 60_000);
          assert.equal(textOf(echoed.messages.at(-1)), `v${nth}`);
          await send({ agent, url, method: 'DELETE', headers });
          return;
        }
      };
      run.strike();
      await Promise.all(Array.from({ length: CROWD }, (_, nth) => visit(nth)));
      agent.destroy();
      await run.recovered(30_000);
      assert.ok(refused > 0, 'nobody was refused');
      for (const { name, process } of world.workers)
        assert.ok(!process.logs.items.some(({ reason }) => reason === 'lease_lost'), `${name} lost its lease`);
      assertNoneFailed(run);
    }),
  );

  it(
    'F28 1,000 GET streams are opened anew on living sessions at once: all within 5 s, no child is started',
    faults.fault(async (run) => {
      const { world, ledger } = run.stage;
      await using stack = new AsyncDisposableStack();
      const urls = world.edges.map(({ process }) => process.url('steady'));
      const sessions = await Promise.all(Array.from({ length: 20 }, async (_, nth) => stack.use(await aside(urls[nth % urls.length]!))));
      const before = await ledger.starts();
      const agent = new Agent({ maxSockets: 2_000 });
      run.strike();
      // Each takes the stream of its session over from the one before.
      const attach = (nth: number) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const leave = new AbortController();
        stack.defer(() => leave.abort());
        const headers = { accept: 'text/event-stream', ...sessions[nth % sessions.length]!.headers };
        const ended = send({
          agent,
          url: urls[nth % urls.length]!,
          method: 'GET',
          headers,
          signal: leave.signal,
          onStream: () => resolve(),
        });
        return Promise.race([promise, ended.then((end) => assert.ok(end.kind === 'answered' && end.status === 200, JSON.stringify(end)))]);
      };
      await Promise.all(Array.from({ length: 1_000 }, (_, nth) => attach(nth)));
      const took = Date.now() - run.struck;
      assert.ok(took <= 5_000, `it took ${took} ms`);
      assert.equal(await ledger.starts(), before, 'no child was started');
      await run.recovered(30_000);
      assertNoneFailed(run);
    }),
  );

  it(
    'F25 a client vanishes without a word, its machine gone from the network: its stream is freed within 30 s, HTTP+SSE with its child',
    faults.fault(async (run) => {
      const { world, census } = run.stage;
      await using cable = await openCable();
      const { here } = cable;
      const args = [
        '--nats',
        world.nats.nodes.map(({ address }) => `nats://${address}`).join(','),
        '--host',
        here,
        '--allowed-hosts',
        here,
      ];
      await using edge = await openCauseway('edge', { args, mark: world.mark });
      const before = new Set((await census.next()).live.map(({ pid }) => pid));
      const said = await cable.start([CLIENT, `http://${here}:${edge.port}/servers/steady/sse`]);
      assert.match(said, /^200 .*endpoint/);
      const child = await until(10_000, 'the child of the client', async () =>
        (await census.next()).live.find(({ pid }) => !before.has(pid)),
      );
      run.strike();
      await cable.unplug();
      await until(30_000, 'the end of the child', async () =>
        (await census.next()).live.some(({ pid }) => pid === child.pid) ? undefined : true,
      );
      await run.recovered(20_000);
      assertNoneFailed(run);
    }),
  );

  faults.lastly();
});
