import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXTURE, groupMembers, start } from './support.ts';

const quick = { stdin: 100, term: 150 };

async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const begin = performance.now();
  return { value: await work, ms: performance.now() - begin };
}

test('a child that ends with its stdin is gone without any signal', async (t) => {
  const witness = await start(t, ['echo']);
  witness.child.write(Buffer.from('{}'));
  const { value, ms } = await timed(witness.child.stop());
  assert.deepEqual({ code: value.code, signal: value.signal }, { code: 0, signal: null });
  assert.deepEqual(witness.lines, ['{}'], 'what was written before the stop still reached the child');
  assert(ms < 1500, `${ms} ms`);
});

test('a child that obeys TERM is gone 100 ms after an ungentle stop', async (t) => {
  const witness = await start(t, ['deaf']);
  await witness.untilLine('ready');
  const { value, ms } = await timed(witness.child.stop({ gentle: false }));
  assert.equal(value.signal, 'SIGTERM');
  assert(ms < 100, `${ms} ms`);
});

test('the default ladder takes 5 s for a stubborn child and leaves nothing after 6 s', async (t) => {
  const witness = await start(t, ['stubborn']);
  await witness.untilLine('ready');
  const { value, ms } = await timed(witness.child.stop());
  assert.equal(value.signal, 'SIGKILL');
  assert(ms >= 4990 && ms < 6000, `${ms} ms`);
  assert.deepEqual(groupMembers(witness.child.pid), []);
});

test('a wrapper and the stubborn server behind it are both ended', async (t) => {
  const witness = await start(t, ['wrapper'], { ladder: quick });
  await witness.untilLine('ready');
  assert.equal(groupMembers(witness.child.pid).length, 2);
  const { ms } = await timed(witness.child.stop());
  assert(ms < 1000, `${ms} ms`);
  assert.deepEqual(groupMembers(witness.child.pid), []);
});

test('a shell and the stubborn server behind it are both ended', async (t) => {
  const command = { command: `"${process.execPath}" "${FIXTURE}" stubborn; true`, args: [], shell: true };
  const witness = await start(t, [], { command, ladder: quick });
  await witness.untilLine('ready');
  assert.equal(groupMembers(witness.child.pid).length, 2);
  await witness.child.stop();
  assert.deepEqual(groupMembers(witness.child.pid), []);
});

test('an ungentle stop cuts a gentle one short, and every caller hears of the same exit', async (t) => {
  const witness = await start(t, ['deaf']);
  await witness.untilLine('ready');
  const gentle = witness.child.stop();
  const { value, ms } = await timed(witness.child.stop({ gentle: false }));
  assert(ms < 500, `${ms} ms`);
  assert.equal(await gentle, value);
  assert.equal(await witness.child.stop(), value);
  await witness.child[Symbol.asyncDispose]();
  assert.equal(witness.exits.length, 1);
});

test('stop right after the start ends the child as well', async (t) => {
  const witness = await start(t, ['stubborn'], { ladder: quick });
  await witness.child.stop({ gentle: false });
  assert.deepEqual(groupMembers(witness.child.pid), []);
  assert.equal(witness.exits.length, 1);
});

test('after the exit the rest of the group is stopped without being asked', async (t) => {
  const released = Promise.withResolvers<number>();
  const warden = { watch() {}, release: released.resolve };
  const witness = await start(t, ['leave-stubborn'], { ladder: quick, deps: { warden } });
  await witness.untilLine('ready');
  witness.child.write(Buffer.from('go'));
  assert.equal(await released.promise, witness.child.pid);
  assert.deepEqual(groupMembers(witness.child.pid), []);
});
