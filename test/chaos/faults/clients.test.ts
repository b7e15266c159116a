/** What clients may do that they should not, or cannot help, while fifty others are served. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canary } from '../../harness/canary.ts';
import { hostile } from '../../harness/processes.ts';
import { openCall, openStream, post, textOf, toolCall, type Headers, type Hello } from '../../harness/speak.ts';
import { until } from '../../harness/within.ts';
import { refusalOf } from '../attempts.ts';
import { aside, assertNoneFailed } from '../expect.ts';
import type { Run } from '../run.ts';
import { FULL, openFaults } from '../stage.ts';

describe('faults of clients', () => {
  const faults = openFaults({ servers: (env) => ({ fleeting: hostile(env, { idle: '1s' }) }) });
  const at = (edge: number, server = 'steady') => {
    const { edges } = faults.stage.world;
    return edges[edge % edges.length]!.process.url(server);
  };
  const remove = (edge: number, { headers }: Hello) => fetch(at(edge), { method: 'DELETE', headers });

  /** What the others notice: nothing. */
  async function quiet(run: Run): Promise<void> {
    await run.recovered(20_000);
    assertNoneFailed(run);
    assert.deepEqual(run.lostSessions(), []);
  }

  it(
    'F26 a client closes its connection mid-call: the call goes on, its child is told nothing, the result is kept and fetched elsewhere',
    faults.fault(async (run) => {
      await using session = await aside(at(0));
      run.strike();
      const call = await openCall(at(0), toolCall('left', 'sleep', { ms: 700, text: 'kept', nonce: 'left' }), session.headers);
      const { id } = await call.events.next('the priming event', ({ id }) => id !== undefined);
      await call.drop();
      await run.lasts(1_000);
      await using rest = await openStream(at(1), { headers: { ...session.headers, 'last-event-id': id! } });
      assert.equal(textOf(await rest.message('the result', ({ id }) => id === 'left')), 'kept');
      const entries = await run.stage.ledger.entries();
      const pid = entries.find(({ nonce }) => nonce === 'left')?.pid;
      assert.ok(!entries.some((entry) => entry.pid === pid && entry.method === 'notifications/cancelled'));
      await quiet(run);
    }),
  );

  it(
    'F33 the same request twice, same id and body, at two edges: two answers, each its own',
    faults.fault(async (run) => {
      await using session = await aside(at(0));
      run.strike();
      const body = toolCall('same', 'count');
      const answers = await Promise.all([0, 1].map((edge) => post(at(edge), body, session.headers)));
      assert.deepEqual(
        answers.map(({ messages }) => messages.map(({ id }) => id)),
        [['same'], ['same']],
      );
      assert.deepEqual(new Set(answers.map(({ messages }) => textOf(messages[0]))), new Set(['1', '2']));
      await quiet(run);
    }),
  );

  it(
    'F34 equal ids in flight on one session and on two, "1" beside 1: each gets its own answer',
    faults.fault(async (run) => {
      await using first = await aside(at(0));
      await using second = await aside(at(1));
      const sessions = [first, second];
      run.strike();
      const ids = [0, 1, '', '1'];
      let next = 0;
      const pairs = async () => {
        for (let pair = next++; pair < (FULL ? 1_000 : 200); pair = next++) {
          const marks = [0, 1, 2, 3].map((nth) => canary(`p${pair}-${nth}`));
          const answers = await Promise.all(
            marks.map((text, nth) => {
              const id = nth < 2 ? ids[pair % 4] : ids[(pair + 2) % 4];
              const { headers } = sessions[nth % 2]!;
              return post(at(pair + nth), toolCall(id, 'sleep', { ms: nth, text }), headers).then(({ messages }) => [id, messages]);
            }),
          );
          for (const [nth, [id, messages]] of answers.entries()) {
            const got = (messages as Awaited<ReturnType<typeof post>>['messages']).map((message) => [message.id, textOf(message)]);
            assert.deepEqual(got, [[id, marks[nth]]]);
          }
        }
      };
      await Promise.all(Array.from({ length: 4 }, pairs));
      await quiet(run);
    }),
  );

  it(
    'F38 requests that arrive when their session turns idle: served or 404, never half',
    faults.fault(async (run) => {
      const url = (edge: number) => at(edge, 'fleeting');
      const seen: string[] = [];
      run.strike();
      const race = async (nth: number) => {
        await using session = await aside(url(nth));
        const { headers } = session;
        // Idle after 1 s: the first arrives before, the others about then, the last of all after, however slow the machine is.
        for (const [round, wait] of [0, 900, 900, 1_500].entries()) {
          await run.lasts(wait && wait + run.stage.random(250));
          const { status, text, messages } = await post(
            url(nth + round),
            toolCall(1, 'echo', { text: 'x', nonce: `idle-${nth}-${round}` }),
            headers,
          );
          const gone = status === 404 && refusalOf(status, text).reason === 'request.session_unknown';
          if (!gone) assert.equal(textOf(messages.at(-1)), 'x', `${status} ${text}`);
          seen.push(gone ? 'gone' : 'served');
          if (gone) return;
        }
      };
      await Promise.all(Array.from({ length: FULL ? 60 : 12 }, (_, nth) => race(nth)));
      assert.ok(seen.includes('gone') && seen.includes('served'), seen.join());
      await quiet(run);
    }),
  );

  it(
    'F39 DELETE races calls, twice at once: every call has one outcome, the session ends once',
    faults.fault(async (run) => {
      run.strike();
      const race = async (nth: number) => {
        await using session = await aside(at(nth));
        const calls = Array.from({ length: 4 }, (_, id) =>
          post(at(nth + id), toolCall(id, 'sleep', { ms: 30 * id, text: 'x', nonce: `delete-${nth}-${id}` }), session.headers),
        );
        await run.lasts(run.stage.random(60));
        const deleted = (await Promise.all([0, 1].map((edge) => remove(nth + edge, session)))).map(({ status }) => status);
        assert.ok(deleted.includes(200) && deleted.every((status) => status === 200 || status === 404), deleted.join());
        for (const [id, { status, messages, text }] of (await Promise.all(calls)).entries()) {
          const answer = messages.at(-1);
          const reason = refusalOf(status, text).reason;
          const right =
            textOf(answer) === 'x' ||
            answer?.error?.data?.['reason'] === 'session.ended' ||
            (status === 404 && reason === 'request.session_unknown');
          assert.ok(right && messages.length === 1, `${nth}-${id}: ${status} ${text}`);
        }
        assert.equal((await remove(nth, session)).status, 404);
      };
      await Promise.all(Array.from({ length: FULL ? 30 : 8 }, (_, nth) => race(nth)));
      await quiet(run);
    }),
  );

  it(
    'F40 the id of an ended session: 404 for everything, at every edge',
    faults.fault(async (run) => {
      await using session = await aside(at(0));
      run.strike();
      assert.equal((await remove(1, session)).status, 200);
      for (const edge of [0, 1, 2]) {
        assert.equal((await post(at(edge), toolCall(1, 'echo'), session.headers)).status, 404);
        assert.equal((await remove(edge, session)).status, 404);
        assert.equal((await fetch(at(edge), { headers: { ...session.headers, accept: 'text/event-stream' } })).status, 404);
      }
      await quiet(run);
    }),
  );

  it(
    'F41 a Last-Event-ID that is stale, foreign, malformed or from the future: refused, and nobody hears another',
    faults.fault(async (run) => {
      await using own = await aside(at(0));
      await using other = await aside(at(1));
      const streamOf = async ({ headers }: Hello, text: string) => {
        const call = await openCall(at(0), toolCall(1, 'progress', { n: 3, tag: text }, { progressToken: 1 }), headers);
        await call.message('the answer', ({ id, method }) => id === 1 && method === undefined);
        return call.events.items.at(-1)!.id!.split('.')[0]!;
      };
      const [mine, foreign] = [await streamOf(own, 'own'), await streamOf(other, 'secret')];
      run.strike();
      const ask = async (headers: Headers, last: string) => {
        const answer = await fetch(at(2), {
          headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last },
          signal: AbortSignal.timeout(3_000),
        });
        return { status: answer.status, text: answer.status === 200 ? '' : await answer.text() };
      };
      for (const last of [`${foreign}.0`, `${mine}.99999`, `${mine}.x`, 'nobody.1', '..', '%00', `${mine}.-1`]) {
        const { status, text } = await ask(own.headers, last);
        assert.ok(status === 400 || status === 404, `${JSON.stringify(last)}: ${status} ${text}`);
        assert.ok(!text.includes('secret'));
      }
      assert.equal((await ask({ ...own.headers, 'mcp-session-id': 'x'.repeat(65) }, `${mine}.0`)).status, 404);
      await quiet(run);
    }),
  );

  it(
    'F42 two GET streams on one session: each message on one of them, once',
    faults.fault(async (run) => {
      await using session = await aside(at(0));
      const { headers } = session;
      run.strike();
      await using first = await openStream(at(0), { headers });
      await using second = await openStream(at(1), { headers });
      for (let nth = 1; nth <= 40; nth++) {
        const params = { level: 'info', data: `n ${nth}` };
        await post(at(nth), toolCall(nth, 'notify', { method: 'notifications/message', params, ms: 5 }), headers);
        await until(5_000, `notification ${nth}`, async () => (heard().includes(nth) ? true : undefined));
      }
      function heard(): readonly number[] {
        return [first, second].flatMap((stream) =>
          stream.messages().flatMap(({ params }) => Number(String(params?.['data']).slice(2)) || []),
        );
      }
      assert.deepEqual(
        heard().toSorted((a, b) => a - b),
        Array.from({ length: 40 }, (_, nth) => nth + 1),
      );
      await quiet(run);
    }),
  );

  faults.lastly();
});
