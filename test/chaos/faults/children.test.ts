/** What happens when a child dies or stops; everything else goes on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostile } from '../../harness/processes.ts';
import { hello, post, toolCall } from '../../harness/speak.ts';
import { until } from '../../harness/within.ts';
import { assertNoneFailed } from '../expect.ts';
import { openFaults } from '../stage.ts';

describe('faults of children', () => {
  const faults = openFaults({ servers: (env) => ({ brief: hostile(env, { requestTimeout: '2s' }) }) });

  it(
    'F03 kill -9 children: calls in flight answer server.exited within 500 ms, then 404; no other session notices',
    faults.fault(async (run) => {
      const { census, load, eye } = run.stage;
      const victims = new Set(['c0', 'c1', 'c4', 'c9', 'c25', 'c30']);
      const sessions = load.sessions().filter(({ client }) => victims.has(client));
      await run.occupy(8_000, (client) => victims.has(client));
      const children = census.children.filter(({ gone, session }) => gone === undefined && sessions.some(({ id }) => id.includes(session)));
      assert.equal(children.length, victims.size);
      run.strike();
      for (const { pid } of children) process.kill(pid, 'SIGKILL');
      await until(2_000, 'the end of their records', async () => {
        const { sessions: records } = await eye.dump();
        return children.some(({ session }) => records.has(session)) ? undefined : true;
      });
      await run.recovered(10_000);
      const errors = run.inFlight((client) => victims.has(client)).filter(({ executed }) => executed !== 'no');
      assert.equal(errors.length, victims.size);
      assert.deepEqual(new Set(errors.map(({ reason, executed }) => `${reason} ${executed}`)), new Set(['server.exited unknown']));
      const slowest = Math.max(...errors.map(({ ended }) => ended - run.struck));
      assert.ok(slowest <= 500, `an error took ${slowest} ms`);
      const later = run.failed((client) => victims.has(client)).filter((call) => !errors.includes(call));
      for (const { status, reason } of later) assert.deepEqual([status, reason], [404, 'request.session_unknown']);
      assertNoneFailed(run, (client) => !victims.has(client));
    }),
  );

  it(
    'F11 SIGSTOP children: their calls end at the deadline, and they do not outlive their sessions',
    faults.fault(async (run) => {
      const { world, census } = run.stage;
      const at = (nth: number) => world.edges[nth % world.edges.length]!.process.url('brief');
      const opened = await Promise.all(Array.from({ length: 4 }, (_, nth) => hello(at(nth))));
      const { live } = await census.next();
      const children = live.filter(({ session }) => opened.some((one) => one.session.includes(session)));
      assert.equal(children.length, opened.length);
      run.strike();
      for (const { pid } of children) process.kill(pid, 'SIGSTOP');
      const answers = await Promise.all(opened.map(({ headers }, nth) => post(at(nth + 1), toolCall(1, 'echo', { text: 'x' }), headers)));
      const took = Date.now() - run.struck;
      for (const { messages } of answers) {
        const { reason, executed } = messages.at(-1)?.error?.data ?? {};
        assert.deepEqual([reason, executed], ['server.deadline', 'unknown']);
      }
      assert.ok(took >= 2_000 && took <= 3_000, `${took} ms`);
      const deleted = await Promise.all(opened.map(({ headers }, nth) => fetch(at(nth), { method: 'DELETE', headers })));
      assert.ok(deleted.every(({ status }) => status === 200));
      await until(6_000, 'the end of the stopped children', async () => {
        const now = (await census.next()).live.map(({ pid }) => pid);
        return children.some(({ pid }) => now.includes(pid)) ? undefined : true;
      });
      await run.recovered(10_000);
      assertNoneFailed(run);
    }),
  );

  faults.lastly();
});
