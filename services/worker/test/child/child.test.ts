import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CHILD_LIMITS } from '../../src/child/child.ts';
import { launchPrefixes } from '../../src/child/launch.ts';
import { startChild } from '../../src/child/start.ts';
import { groupMembers, MemoryLog, start } from './support.ts';

test('frames come back as lines, whole and in order', async (t) => {
  const witness = await start(t, ['echo']);
  const frames = Array.from({ length: 200 }, (_, n) => `{"n":${n},"text":"\u2028é😀${'x'.repeat(n * 10)}"}`);
  for (const frame of frames) assert(witness.child.write(Buffer.from(frame)));
  await witness.untilLine(frames[199] ?? '');
  assert.deepEqual(witness.lines, frames);
});

test('a frame larger than the whole queue is let in when nothing else waits', async (t) => {
  const witness = await start(t, ['echo']);
  const large = 'x'.repeat(3 * 1024 * 1024);
  assert(witness.child.write(Buffer.from(large)));
  assert.equal(witness.child.write(Buffer.from('{}')), false);
  await witness.untilLine(large);
  assert(witness.child.write(Buffer.from('{}')));
  await witness.untilLine('{}');
});

test('the exit is told once, after everything that was written before it, with the last lines of stderr', async (t) => {
  const witness = await start(t, ['last-words']);
  const exit = await witness.untilExit();
  assert.deepEqual(witness.lines, ['{"a":1}', '{"b":2}', 'unfinished']);
  assert.deepEqual(exit, { code: 3, signal: null, stderr: ['reason 4', 'reason 5', 'reason 6', 'reason 7', 'reason 8'] });
  assert.deepEqual(await witness.child.stop(), exit);
  assert.equal(witness.exits.length, 1);
  assert.deepEqual(witness.breaches, []);
  assert.equal(witness.child.write(Buffer.from('{}')), false);
});

test('a line of which its listener can make nothing at all ends that child, and nothing else', async (t) => {
  const witness = await start(t, ['echo']);
  witness.on('line', (bytes) => {
    if (bytes.equals(Buffer.from('poison'))) throw new TypeError('not foreseen');
  });
  witness.child.write(Buffer.from('poison'));
  if (witness.breaches.length === 0) await once(witness, 'broken');
  assert.deepEqual(witness.breaches, ['line_failed']);
  assert.ok(witness.log.records.some(({ level, facts }) => level === 'warn' && facts['err'] instanceof TypeError));
});

test('blank lines without an end are counted as stray ones are; one behind each message is not', async (t) => {
  const witness = await start(t, ['echo']);
  for (let nth = 0; nth < 150; nth += 1) witness.child.write(Buffer.from(`{"n":${nth}}\n`));
  await witness.untilLine('{"n":149}');
  assert.deepEqual(witness.breaches, []);
  witness.child.write(Buffer.from('\n'.repeat(1_000)));
  if (witness.breaches.length === 0) await once(witness, 'broken');
  assert.deepEqual(witness.breaches, ['noise']);
});

test('output that was held back by a pause is told before the exit', async (t) => {
  const witness = await start(t, ['echo']);
  witness.child.write(Buffer.from('first'));
  await witness.untilLine('first');
  witness.child.pause();
  for (let n = 0; n < 100; n += 1) witness.child.write(Buffer.from(`held ${n}`));
  const exit = await witness.child.stop();
  assert.equal(exit.code, 0);
  assert.equal(witness.lines.length, 101);
  assert.equal(witness.lines.at(-1), 'held 99');
});

test('a grandchild that keeps stdout open does not delay the news of the exit, and is ended', async (t) => {
  const witness = await start(t, ['leave-stubborn'], { ladder: { stdin: 100, term: 200 } });
  await witness.untilLine('ready');
  const begin = performance.now();
  witness.child.write(Buffer.from('go'));
  const exit = await witness.untilExit();
  const ms = performance.now() - begin;
  assert(ms < 450, `${ms} ms`);
  assert.equal(exit.code, 0);
  await witness.child.stop();
  assert.deepEqual(groupMembers(witness.child.pid), []);
});

test('a child that is killed from outside is told with its signal', async (t) => {
  const witness = await start(t, ['echo']);
  process.kill(witness.child.pid, 'SIGKILL');
  const exit = await witness.untilExit();
  assert.deepEqual({ code: exit.code, signal: exit.signal }, { code: null, signal: 'SIGKILL' });
});

test('a child that closes its stdin is broken', async (t) => {
  const witness = await start(t, ['close-stdin']);
  await witness.untilLine('ready');
  witness.child.write(Buffer.from('{}'));
  assert.equal(await witness.untilBroken(), 'stdin_closed');
  assert.equal(witness.child.write(Buffer.from('{}')), false);
});

test('a child that lives on without its stdout is broken', async (t) => {
  const witness = await start(t, ['close-stdout']);
  assert.equal(await witness.untilBroken(), 'stdout_closed');
});

test('a child that has closed its stdout is broken also where its reader lags, and does not, meanwhile', async (t) => {
  const witness = await start(t, ['close-stdout']);
  const lagging = setInterval(() => {
    witness.child.pause();
    witness.child.resume();
  }, 10);
  t.after(() => clearInterval(lagging));
  assert.equal(await witness.untilBroken(), 'stdout_closed');
});

test('writing to a child that is ending tells its exit and no breach', async (t) => {
  const witness = await start(t, ['echo']);
  process.kill(witness.child.pid, 'SIGKILL');
  while (witness.exits.length === 0) {
    witness.child.write(Buffer.from('{}'));
    await new Promise(setImmediate);
  }
  assert.deepEqual(witness.breaches, []);
});

test('half a line and then silence breaks the child, but not while it is paused', async (t) => {
  const limits = { ...CHILD_LIMITS, partialLine: 100 };
  const paused = await start(t, ['half-line'], { limits });
  await paused.untilLine('ready');
  paused.child.pause();
  const silent = await start(t, ['half-line'], { limits });
  assert.equal(await silent.untilBroken(), 'partial_line');
  assert.deepEqual(paused.breaches, []);
  paused.child.resume();
  assert.equal(await paused.untilBroken(), 'partial_line');
});

test('more noise than allowed breaks the child once, and the log shows a sample', async (t) => {
  const witness = await start(t, ['echo'], { limits: { ...CHILD_LIMITS, noisePerSecond: 1000, noiseTotal: 20 } });
  for (let n = 0; n < 20; n += 1) witness.child.noise(Buffer.from('debug: \u001b[2J'));
  assert.deepEqual(witness.breaches, []);
  for (let n = 0; n < 20; n += 1) witness.child.noise(Buffer.from('debug'));
  assert.deepEqual(witness.breaches, ['noise']);
  const samples = witness.log.records.filter(({ msg }) => msg.includes('not json-rpc'));
  assert(samples.length >= 1 && samples.length < 5);
  assert.equal(samples[0]?.facts['line'], 'debug: \\u001b[2J');
});

test('the kernel prefers the child when memory runs out', async (t) => {
  const witness = await start(t, ['echo'], { deps: { prefix: (await launchPrefixes()).confined } });
  assert.equal(readFileSync(`/proc/${witness.child.pid}/oom_score_adj`, 'utf8').trim(), '1000');
});

test('thirty starts and stops leave no descriptor behind', async (t) => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const cycle = async (gentle: boolean): Promise<void> => {
    const witness = await start(t, ['-c', 'cat'], { command: { command: 'sh', args: ['-c', 'cat'] } });
    witness.child.write(Buffer.from('{}'));
    await once(witness, 'line');
    await witness.child.stop({ gentle });
  };
  await cycle(true);
  const before = count();
  for (let n = 0; n < 30; n += 1) await cycle(n % 2 === 0);
  assert.equal(count(), before);
});

test('a live child holds three descriptors', async (t) => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const first = await start(t, ['echo']);
  first.child.write(Buffer.from('{}'));
  await first.untilLine('{}');
  const before = count();
  const second = await start(t, ['echo']);
  second.child.write(Buffer.from('{}'));
  await second.untilLine('{}');
  assert.equal(count() - before, 3);
});

test('what is told of a child that has ended is freed by the next collection of the young', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  const log = new MemoryLog();
  const pass = async (nth: number): Promise<void> => {
    const load = Array.from({ length: 125_000 }, () => nth);
    const listeners = { line: () => load, broken: () => load, exit: () => load };
    const child = await startChild(
      { log, mark: 'CAUSEWAY_TEST=passing' },
      { command: 'cat', args: [], env: {}, passEnvironment: ['PATH'] },
      listeners,
    );
    child.write(Buffer.from('{}'));
    await child.stop();
  };
  const passMany = async (count: number): Promise<void> => {
    for (let nth = 0; nth < count; nth += 1) await pass(nth);
  };
  await passMany(10);
  collect();
  const before = process.memoryUsage().heapUsed;
  await passMany(20);
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  const kept = (process.memoryUsage().heapUsed - before) / 20;
  assert(kept < 250_000, `${kept} of 1 000 000 bytes are kept for each`);
});
