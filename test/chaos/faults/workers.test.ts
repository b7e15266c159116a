/** What happens to the load when a worker is killed, stopped, or told to end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostile } from '../../harness/processes.ts';
import { post } from '../../harness/speak.ts';
import { refusalOf } from '../attempts.ts';
import { assertMovedChildrenEnd, assertRehomed, KILLED } from '../expect.ts';
import { numberOf } from '../load.ts';
import { openFaults } from '../stage.ts';

describe('faults of workers', () => {
  const faults = openFaults({ servers: (env) => ({ slow: hostile({ ...env, STARTUP_MS: '4000' }) }) });

  it(
    'F02 kill -9 a worker: calls in flight answer owner_lost within 4 s, sessions with recovery are served elsewhere within 5 s, others end',
    faults.fault(async (run) => {
      const lost = await run.someWorker();
      await run.occupy(8_000, (client) => numberOf(client) % 5 === 0);
      run.strike();
      await lost.kill();
      await run.missed(lost);
      await assertRehomed(run, lost.id, KILLED);
    }),
  );

  it(
    'F08 SIGSTOP a worker past its lease and continue it: its sessions went on elsewhere, it runs nothing twice and nothing late',
    faults.fault(async (run) => {
      const stopped = await run.someWorker();
      await run.occupy(4_000, (client) => numberOf(client) % 5 === 0);
      run.strike();
      const { id } = stopped;
      stopped.stop();
      await run.lasts(25_000);
      stopped.cont();
      await assertRehomed(run, id, { inFlight: 4_000, served: 26_000, silent: true });
      await assertMovedChildrenEnd(run, id);
    }),
  );

  it(
    'F30 SIGTERM a worker while a child starts: the opening is refused or goes elsewhere, the child is gone',
    faults.fault(async (run) => {
      const { world, census } = run.stage;
      const before = new Set((await census.next()).live.map(({ pid }) => pid));
      const url = world.edges[0]!.process.url('slow');
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'slow', version: '1' } };
      const opening = post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params }, {}, 40_000);
      let child = (await census.next()).live.find(({ pid }) => !before.has(pid));
      while (child === undefined) child = (await census.next()).live.find(({ pid }) => !before.has(pid));
      const told = world.workers.find(({ id }) => id === child.worker)!;
      run.strike();
      const exit = await told.term();
      const answer = await opening;
      const session = answer.headers.get('mcp-session-id');
      if (answer.status === 200) {
        const headers = { 'mcp-session-id': session!, 'mcp-protocol-version': '2025-11-25' };
        assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 200);
      } else assert.deepEqual([answer.status, refusalOf(answer.status, answer.text).executed], [503, 'no'], answer.text);
      assert.equal(exit.code, 0);
      assert.ok(!(await census.next()).live.some(({ pid }) => pid === child.pid), 'the starting child is gone');
      await run.recovered(40_000);
    }),
  );

  faults.lastly();
});
