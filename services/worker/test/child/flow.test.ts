/** What a child can do to the worker's memory and time with its three pipes. */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { CHILD_LIMITS } from '../../src/child/child.ts';
import { rssMiB, start } from './support.ts';

test('a child that never reads is refused at 256 frames or 1 MiB, and memory stays flat', async (t) => {
  const witness = await start(t, ['deaf']);
  await witness.untilLine('ready');
  const frame = Buffer.alloc(1000, 'x');
  const before = rssMiB();
  let taken = 0;
  // The pipe itself takes some, so the queue is offered more turn by turn until it stays full.
  for (let refused = 0; refused < 10_000;) {
    if (witness.child.write(frame)) taken += 1;
    else {
      refused += 1;
      if (refused % 1000 === 0) await new Promise(setImmediate);
    }
  }
  assert(taken >= 256 && taken < 256 + 600, `${taken} frames were taken`);
  assert.equal(witness.child.write(frame), false);
  assert(rssMiB() - before < 20);

  const large = await start(t, ['deaf']);
  let bytes = 0;
  while (large.child.write(Buffer.alloc(50_000))) bytes += 50_001;
  assert(bytes <= CHILD_LIMITS.stdinBytes);
});

test('a child that leaves its stdin unread is broken, but not while its own output is held back', async (t) => {
  const limits = { ...CHILD_LIMITS, stdinStall: 100 };
  const held = await start(t, ['deaf'], { limits });
  await held.untilLine('ready');
  held.child.pause();
  while (held.child.write(Buffer.alloc(50_000)));
  const unread = await start(t, ['deaf'], { limits });
  while (unread.child.write(Buffer.alloc(50_000)));
  assert.equal(await unread.untilBroken(), 'stdin_stalled');
  assert.deepEqual(held.breaches, []);
  held.child.resume();
  assert.equal(await held.untilBroken(), 'stdin_stalled');
});

test('a paused child waits: nothing is read, nothing piles up, and nothing is lost afterwards', async (t) => {
  const count = 100_000;
  const witness = await start(t, ['flood', String(count)]);
  witness.keepLines = false;
  let lines = 0;
  let inOrder = true;
  const done = Promise.withResolvers<void>();
  witness.on('line', (line) => {
    lines += 1;
    inOrder &&= Number.parseInt(line.toString('latin1', 0, 10), 10) === lines;
    if (lines === count) done.resolve();
  });
  witness.child.pause();
  witness.child.pause();
  const before = rssMiB();
  await witness.log.until(({ facts }) => String(facts['line']).startsWith('full at'));
  assert.equal(lines, 0);
  assert(rssMiB() - before < 20);
  witness.child.resume();
  witness.child.resume();
  await done.promise;
  assert(inOrder);
});

test('100 MB of lines pass without piling up', async (t) => {
  const witness = await start(t, ['flood', '100000']);
  witness.keepLines = false;
  let most = 0;
  const before = rssMiB();
  let lines = 0;
  witness.on('line', () => {
    lines += 1;
    if (lines % 1000 === 0) most = Math.max(most, rssMiB());
  });
  await witness.untilExit();
  assert.equal(lines, 100_000);
  assert(most - before < 100, `${most - before} MiB`);
});

test('a line of 32 MiB is cut at the cap, told once, and the lines around it arrive', async (t) => {
  const witness = await start(t, ['long-line', '32']);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const before = rssMiB();
  await witness.untilLine('after');
  delay.disable();
  assert.deepEqual(witness.lines, ['before', 'after']);
  assert.deepEqual(witness.breaches, ['line_too_long']);
  assert(delay.max / 1e6 < 200, `the loop stood still for ${delay.max / 1e6} ms`);
  assert(rssMiB() - before < 16 + 64);
});

test('a line of 8 MiB arrives whole', async (t) => {
  const witness = await start(t, ['long-line', '8']);
  await witness.untilLine('after');
  assert.deepEqual(
    witness.lines.map((line) => line.length),
    [6, 8 * 1024 * 1024, 5],
  );
});

test('100 MB on stderr do not hold up the child, fill the log or pile up', async (t) => {
  const before = rssMiB();
  const witness = await start(t, ['flood-stderr']);
  await witness.untilLine('done');
  witness.child.write(Buffer.from('{"still":"here"}'));
  await witness.untilLine('{"still":"here"}');
  assert(rssMiB() - before < 100);
  await witness.child.stop();
  const logged = witness.log.records.filter(({ facts }) => 'line' in facts);
  assert(logged.length >= 200 && logged.length < 20_000, `${logged.length} records`);
  const suppressed = witness.log.records.reduce((sum, { facts }) => sum + Number(facts['lines'] ?? 0), 0);
  assert.equal(logged.length + suppressed, 1_050_000);
});

test('what has come when its owner may not listen any more is kept until it may again, and nothing of it is lost', async (t) => {
  const witness = await start(t, ['echo']);
  let lines = 0;
  let may = true;
  witness.on('line', () => {
    assert.ok(may);
    lines += 1;
  });
  witness.on('reading', () => may || witness.child.pause());
  const say = (text: string): boolean => witness.child.write(Buffer.from(text));
  say('one');
  await witness.untilLine('one');
  may = false;
  say('two');
  await new Promise((resolve) => witness.once('reading', () => resolve(undefined)));
  say('three');
  assert.equal(lines, 1);
  may = true;
  witness.child.resume();
  await witness.untilLine('three');
  assert.deepEqual(witness.lines, ['one', 'two', 'three']);
});

test('what is said to a child while it may not be touched comes when it may be again, in its order', async (t) => {
  const witness = await start(t, ['echo']);
  const say = (text: string): boolean => witness.child.write(Buffer.from(text));
  say('one');
  await witness.untilLine('one');
  witness.mayTouch = false;
  say('two');
  await new Promise((resolve) => witness.once('reading', () => resolve(undefined)));
  say('three');
  assert.deepEqual(witness.lines, ['one']);
  witness.mayTouch = true;
  witness.child.flush();
  await witness.untilLine('three');
  assert.deepEqual(witness.lines, ['one', 'two', 'three']);
});
