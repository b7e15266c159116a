/**
 * Large answers: whole, byte for byte, without holding up the neighbours. Latencies are reported, not
 * asserted: they belong to the benchmark.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError, assertRefused } from '../harness/refusal.ts';
import { hello, openStream, post, textOf, toolCall, type Headers } from '../harness/speak.ts';
import { timed } from '../harness/within.ts';

const MIB = 1024 * 1024;

/** Echoes of one neighbour, one after the other until `stop` fires; their latencies in ms, ascending. */
async function neighbour(url: string, headers: Headers, stop: AbortSignal): Promise<readonly number[]> {
  const latencies: number[] = [];
  while (!stop.aborted) latencies.push((await timed(() => post(url, toolCall(latencies.length, 'echo', { text: 'n' }), headers))).ms);
  return latencies.toSorted((a, b) => a - b);
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

describe('sizes', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;

  before(async () => {
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile() },
        config: { worker: { lineBytes: '33MiB' }, streams: { maxMessage: '33MiB' } },
      }),
    );
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  for (const mib of [1, 8, 11, 31]) {
    it(`an answer of ${mib} MiB arrives whole while a neighbour calls on`, async (t: TestContext) => {
      const [big, small] = [await hello(url), await hello(url)];
      const stop = new AbortController();
      const calls = neighbour(url, small.headers, stop.signal);
      const { ms, value } = await timed(() => post(url, toolCall('big', 'big', { bytes: mib * MIB }), big.headers, 60_000));
      stop.abort();
      const latencies = await calls;
      assert.equal(value.status, 200);
      const text = textOf(value.messages.at(-1))!;
      assert.equal(text.length, mib * MIB);
      assert.ok(/^x+$/.test(text));
      const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!.toFixed(1);
      t.diagnostic(`${mib} MiB in ${ms.toFixed(0)} ms; neighbour: ${latencies.length} calls, p50 ${at(0.5)} ms, max ${at(1)} ms`);
    });
  }

  for (const mib of [4.1, 12]) {
    it(`a client that sends ${mib} MiB sees the refusal, not a broken connection`, async () => {
      const { headers } = await hello(url);
      for (let attempt = 0; attempt < 10; attempt++) {
        assertRefused(await post(url, 'x'.repeat(mib * MIB), headers), { status: 413, code: -32000, reason: 'request.too_large' });
      }
    });
  }

  it('an answer above the limit of a line is a definite error, and others go on', async () => {
    await using plain = await openCauseway('run', { servers: { hostile: hostile() } });
    const target = plain.url('hostile');
    const [big, small] = [await hello(target), await hello(target)];
    const answer = await post(target, toolCall('big', 'big', { bytes: 17 * MIB }), big.headers);
    assert.equal(answer.status, 200);
    const reason = String(answer.messages.at(-1)?.error?.data?.['reason']);
    assert.match(reason, /^server\.(broken|reply_too_large)$/);
    assertError(answer.messages.at(-1), [-31502, -31413], reason, 'unknown');
    assert.equal(textOf((await post(target, toolCall(1, 'echo', { text: 'on' }), small.headers)).messages.at(-1)), 'on');
  });

  it('a flood of notifications reaches its client whole and in order', async () => {
    const { headers } = await hello(url);
    const answer = await post(url, toolCall('flood', 'flood', { n: 5_000, bytes: 500, tag: 'f' }), headers, 60_000);
    const numbers = answer.messages.flatMap(({ params }) =>
      typeof params?.['data'] === 'string' ? [Number(params['data'].split(' ')[1])] : [],
    );
    assert.deepEqual(
      numbers,
      Array.from({ length: 5_000 }, (_, at) => at + 1),
    );
    assert.equal(textOf(answer.messages.at(-1)), 'flooded 5000');
  });

  it('megabytes on stderr hold up nothing', async () => {
    const { headers } = await hello(url);
    const answer = await post(url, toolCall('stderr', 'stderr', { n: 2_000, bytes: 4_096 }), headers);
    assert.equal(textOf(answer.messages.at(-1)), 'wrote');
  });

  it('a client that does not read holds up neither other sessions nor the memory', async () => {
    const [stuck, free] = [await hello(url), await hello(url)];
    const before = await residentBytes(bridge.pid);
    await using stream = await openStream(url, { headers: stuck.headers });
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...stuck.headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify(toolCall('unread', 'flood', { n: 40_000, bytes: 2_000 })),
    });
    for (let at = 0; at < 50; at++) {
      assert.equal(textOf((await post(url, toolCall(at, 'echo', { text: 'free' }), free.headers)).messages.at(-1)), 'free');
    }
    const grown = (await residentBytes(bridge.pid)) - before;
    assert.equal(response.status, 200);
    await response.body!.cancel();
    assert.equal(stream.status, 200);
    // The child would have written 80 MB.
    assert.ok(grown < 48 * MIB, `${Math.round(grown / MIB)} MiB more`);
  });
});
