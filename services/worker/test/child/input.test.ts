import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { openInput } from '../../src/child/input.ts';

const limits = { bytes: 100, frames: 4, stall: 30_000 };
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** May always write, and is never broken. */
const free = { right: undefined, broken: () => assert.fail() };
const always = { mayTouch: () => true, stops: () => 0, late: () => assert.fail() };

/** A pipe that shows each write and completes it when told. */
function pipe() {
  const writes: string[] = [];
  const callbacks: ((error?: Error) => void)[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString());
      callbacks.push(done);
    },
    final(done) {
      writes.push('end');
      done();
    },
  });
  return { stream, writes, complete: (error?: Error) => callbacks.shift()?.(error) };
}

test('frames of one turn leave in one write, and those that come meanwhile in the next', async () => {
  const { stream, writes, complete } = pipe();
  const input = openInput(stream, limits, free);
  assert(input.write(Buffer.from('a')) && input.write(Buffer.from('b')));
  assert.deepEqual(writes, []);
  await turn();
  assert.deepEqual(writes, ['a\nb\n']);
  assert(input.write(Buffer.from('c')));
  await turn();
  assert(input.write(Buffer.from('d')));
  await turn();
  assert.deepEqual(writes, ['a\nb\n'], 'one write is under way at a time');
  complete();
  await turn();
  assert.deepEqual(writes, ['a\nb\n', 'c\nd\n']);
  input.close();
});

test('what is being written counts as waiting until it is written', async () => {
  const { stream, complete } = pipe();
  const input = openInput(stream, limits, free);
  for (let n = 0; n < 4; n += 1) assert(input.write(Buffer.from('x')));
  await turn();
  assert.equal(input.write(Buffer.from('x')), false);
  complete();
  await turn();
  assert(input.write(Buffer.alloc(99)));
  assert.equal(input.write(Buffer.from('')), false, 'the line feed counts too');
  input.close();
});

test('at the end what waits is written first, and nothing is taken any more', async () => {
  const { stream, writes, complete } = pipe();
  const input = openInput(stream, limits, free);
  input.write(Buffer.from('a'));
  await turn();
  input.write(Buffer.from('b'));
  input.end();
  assert.equal(input.write(Buffer.from('c')), false);
  complete();
  await turn();
  complete();
  await turn();
  assert.deepEqual(writes, ['a\n', 'b\n', 'end']);
  input.close();
});

test('a failed write is told once, unless the news of the exit comes first', async () => {
  const told = Promise.withResolvers<string>();
  const first = pipe();
  const lost = openInput(first.stream, limits, { ...free, broken: told.resolve });
  const second = pipe();
  const exited = openInput(second.stream, limits, free);
  for (const input of [lost, exited]) input.write(Buffer.from('a'));
  await turn();
  second.complete(new Error('EPIPE'));
  first.complete(new Error('EPIPE'));
  assert.equal(exited.write(Buffer.from('b')), false);
  exited.close();
  assert.equal(await told.promise, 'stdin_closed');
  assert.equal(lost.write(Buffer.from('b')), false);
  lost.close();
});

test('what may not be written waits until it may, in its order; whether it may is asked in the turn in which it is written', async () => {
  const { stream, writes, complete } = pipe();
  let may = true;
  const input = openInput(stream, limits, { ...free, right: { ...always, mayTouch: () => may } });
  input.write(Buffer.from('a'));
  may = false;
  await turn();
  input.write(Buffer.from('b'));
  await turn();
  assert.deepEqual(writes, []);
  may = true;
  input.flush();
  assert.deepEqual(writes, ['a\nb\n']);
  input.write(Buffer.from('c'));
  may = false;
  complete();
  await turn();
  input.flush();
  assert.deepEqual(writes, ['a\nb\n'], 'also what waited for the pipe');
  input.end();
  await turn();
  assert.deepEqual(writes, ['a\nb\n', 'end'], 'there are no last words');
  input.close();
});

test('what was taken before a long stop is not written any more, whatever is said then, and whoever owns the child is told once', async () => {
  const { stream, writes, complete } = pipe();
  let [stops, told] = [0, 0];
  const input = openInput(stream, limits, { ...free, right: { mayTouch: () => true, stops: () => stops, late: () => void (told += 1) } });
  input.write(Buffer.from('a'));
  await turn();
  input.write(Buffer.from('b'));
  stops = 1;
  input.flush();
  assert.deepEqual([writes, told], [['a\n'], 0], 'a write is under way');
  complete();
  await turn();
  assert.deepEqual([writes, told], [['a\n'], 1]);
  input.end();
  await turn();
  assert.deepEqual([writes, told], [['a\n', 'end'], 1]);
  input.close();
});
