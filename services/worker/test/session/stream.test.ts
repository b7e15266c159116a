import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusError, type EndHead, type ServerHead } from '@causeway/cluster';
import { fakeTime } from '@causeway/runtime';
import fc from 'fast-check';
import { JournalBudget } from '../../src/session/budget.ts';
import { Flow } from '../../src/session/flow.ts';
import { Journal } from '../../src/session/journal.ts';
import { Stream } from '../../src/session/stream.ts';
import { Streams } from '../../src/session/streams.ts';

const limits = { frames: 8, bytes: 1000, age: 60_000, credit: { frames: 4, bytes: 400 } };
const bytes = (text: string | number): Buffer => Buffer.from(String(text));

/** What each address was sent: positions, and the words that end a stream. */
function desk(connected = { value: true }) {
  const sent: Record<string, (number | string)[]> = {};
  const budget = new JournalBudget(10_000);
  return {
    sent,
    budget,
    connected,
    publish: (to: string, head: ServerHead | EndHead) => {
      if (!connected.value) throw new BusError('disconnected', to);
      (sent[to] ??= []).push(head.t === 'server' ? head.seq : head.why);
    },
    charge: (stream: Stream, held: number) => budget.charge(stream, held),
  };
}

test('flow: something may always be sent when nothing is on its way, and credit counts once', () => {
  const flow = new Flow({ frames: 2, bytes: 10 });
  assert.ok(flow.open);
  flow.sent(1, 1000);
  assert.ok(!flow.open);
  flow.credit(1);
  flow.credit(1);
  assert.ok(flow.open);
  flow.sent(2, 1);
  flow.sent(3, 1);
  assert.ok(!flow.open);
  flow.reset();
  assert.ok(flow.open);
});

test('journal: positions have no gap, the newest stays, and what is gone is known to be gone', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 60 }), fc.nat({ max: 60 }), (sizes, seen) => {
      const journal = new Journal();
      for (const size of sizes) {
        journal.append(Buffer.alloc(size), false);
        journal.trim(limits, journal.newest);
        assert.equal(journal.at(journal.newest)?.bytes.length, size);
        assert.ok(journal.frames === 1 || (journal.frames <= limits.frames && journal.bytes <= limits.bytes));
      }
      const complete = Array.from({ length: Math.max(0, journal.newest - seen) }, (_, step) => journal.at(seen + 1 + step)?.seq);
      assert.equal(journal.covers(seen), seen <= journal.newest && complete.every((seq, step) => seq === seen + 1 + step));
    }),
  );
});

test('a stream sends in order, waits for credit, and goes on where it was', () => {
  const port = desk();
  const stream = new Stream('s', 'standalone', port, limits);
  stream.append(bytes(1), false);
  stream.attach('a', 0);
  for (let seq = 2; seq <= 7; seq++) stream.append(bytes(seq), false);
  assert.deepEqual(port.sent['a'], [1, 2, 3, 4]);
  assert.ok(stream.blocked);
  stream.credit(2);
  assert.deepEqual(port.sent['a'], [1, 2, 3, 4, 5, 6]);
  stream.attach('b', 4);
  assert.deepEqual(port.sent['a']?.at(-1), 'taken_over');
  assert.deepEqual(port.sent['b'], [5, 6, 7]);
});

test('a reader that takes over is sent all that was not taken, however much more that is than is kept for nobody', () => {
  const port = desk();
  const stream = new Stream('s', 'call', port, limits);
  stream.attach('a', 0);
  for (let seq = 1; seq <= 30; seq++) stream.append(bytes(seq), seq === 30);
  assert.deepEqual(port.sent['a'], [1, 2, 3, 4]);
  stream.attach('b', 4);
  assert.deepEqual(port.sent['a'], [1, 2, 3, 4, 'taken_over']);
  for (let seq = 5; stream.to !== undefined; seq++) stream.credit(seq);
  assert.deepEqual(
    port.sent['b'],
    Array.from({ length: 26 }, (_, nth) => nth + 5),
  );
});

test('of two standalone streams the former is taken up again, with all that waits on the latter', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  const first = streams.open('g1', 'standalone', 'a');
  for (let seq = 1; seq <= 3; seq++) first.append(bytes(seq), false);
  const second = streams.open('g2', 'standalone', 'b');
  for (let seq = 1; seq <= 30; seq++) second.append(bytes(100 + seq), false);
  const again = streams.resume('g1', 'c', 1);
  for (let seq = 2; seq < 33 && again.blocked; seq++) again.credit(seq);
  const heard = port.sent['c']!.filter((one) => typeof one === 'number');
  assert.deepEqual(
    heard,
    Array.from({ length: heard.length }, (_, nth) => nth + 2),
  );
  // Two of its own that were missed, and what the second reader was not sent.
  assert.equal(heard.length, 2 + 30 - port.sent['b']!.filter((one) => typeof one === 'number').length);
  assert.ok(port.sent['b']!.includes('taken_over'));
});

test('what the bus did not take is sent when it is back, once', () => {
  const port = desk({ value: false });
  const stream = new Stream('s', 'standalone', port, limits);
  stream.attach('a', 0);
  stream.append(bytes('x'), false);
  assert.equal(port.sent['a'], undefined);
  port.connected.value = true;
  stream.pump();
  stream.pump();
  assert.deepEqual(port.sent['a'], [1]);
});

test('a frame that reached nobody is sent to whoever comes next', () => {
  const port = desk();
  const stream = new Stream('s', 'standalone', port, limits);
  stream.attach('dead', 0);
  stream.append(bytes(1), false);
  stream.append(bytes(2), false);
  assert.ok(!stream.undelivered(0, 1), 'news of an earlier attachment');
  assert.ok(stream.undelivered(stream.attachment, 2));
  assert.equal(stream.to, undefined);
  assert.deepEqual(
    stream.takeUnsent().map(({ seq }) => seq),
    [2],
  );
});

test('a complete stream is replayed, and its end is told to a client that has seen everything', () => {
  const port = desk();
  const stream = new Stream('s', 'call', port, limits);
  stream.attach('a', 0);
  stream.append(bytes(1), false);
  stream.append(bytes(2), true);
  assert.ok(stream.covers(0) && stream.covers(2) && !stream.covers(3));
  stream.attach('b', 1);
  stream.attach('c', 2);
  assert.deepEqual([port.sent['a'], port.sent['b'], port.sent['c']], [[1, 2], [2], ['complete']]);
});

test('a message without a home rides the newest call that somebody waits for, else it waits for a GET', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  streams.home().append(bytes('early'), false);
  const first = streams.call('p1', 'e1', 1);
  const second = streams.call('p2', 'e2', 1);
  assert.equal(streams.home(), second);
  second.detach();
  assert.equal(streams.home(), first);
  first.detach();
  assert.equal(streams.home(), second, 'the reader of the newest will come back for it');
  streams.done(second);
  first.append(bytes('answer'), true);
  streams.done(first);
  assert.equal(streams.home(), streams.standalone);
  streams.open('g1', 'standalone', 'e3');
  assert.deepEqual(port.sent['e3'], [1]);
});

test('a fresh GET takes over and gets only what nobody was sent; the old one stays replayable', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  streams.open('g1', 'standalone', 'e1');
  streams.home().append(bytes(1), false);
  streams.find('g1')?.detach();
  streams.home().append(bytes(2), false);
  streams.open('g2', 'standalone', 'e2');
  assert.deepEqual([port.sent['e1'], port.sent['e2']], [[1], [1]]);
  streams.resume('g1', 'e3', 0);
  assert.deepEqual(port.sent['e3'], [1]);
  assert.equal(port.sent['e2']?.at(-1), 'taken_over');
  streams.home().append(bytes(3), false);
  assert.deepEqual(port.sent['e3'], [1, 2]);
});

test('a GET that was taken over can be resumed although nothing had come on it, for as long as finished streams are kept', () => {
  const port = desk();
  const time = fakeTime();
  const streams = new Streams(port, limits, time.clock);
  streams.open('g1', 'standalone', 'e1');
  streams.open('g2', 'standalone', 'e2');
  assert.equal(streams.find('-'), undefined, 'nobody has an id of what stood before the first');
  streams.resume('g1', 'e3', 0);
  streams.home().append(bytes(1), false);
  assert.deepEqual([port.sent['e2'], port.sent['e3']], [['taken_over'], [1]]);
  for (let nth = 3; nth < 60; nth++) streams.open(`g${nth}`, 'standalone', 'e4');
  assert.ok([...streams.all()].length <= limits.frames + 2);
});

test('that a repeat reached nobody says nothing of the first time: no other stream carries it, and its own can be resumed', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  const stream = streams.open('g1', 'standalone', 'e1');
  stream.append(bytes(1), false);
  stream.append(bytes(2), false);
  // What an edge had asked comes late: it has passed both on by now, and its client has left it.
  streams.resume('g1', 'e1', 0);
  streams.lost('g1', stream.attachment, 1);
  assert.ok(stream.covers(2) && stream.covers(0));
  stream.append(bytes(3), false);
  streams.open('g2', 'standalone', 'e2');
  assert.deepEqual([port.sent['e1'], port.sent['e2']], [[1, 2, 1, 2], [1]]);
  streams.resume('g1', 'e3', 1);
  assert.deepEqual(port.sent['e3'], [2]);
});

test('what a call brought to another reader is not carried on when the last one says that it has not heard it', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  const call = streams.call('p1', 'e1', 1);
  for (const one of [1, 2]) call.append(bytes(one), false, { loose: true });
  call.attach('e2', 0);
  call.append(bytes(3), false, { loose: true });
  call.attach('e1', 1);
  call.append(bytes(4), false, { loose: true });
  streams.open('g1', 'standalone', 'e3');
  streams.forsake(call, 1);
  assert.deepEqual(port.sent['e3'], [1], 'the fourth');
});

test('finished streams are bounded, and an unknown or trimmed one is refused', () => {
  const port = desk();
  const time = fakeTime();
  const streams = new Streams(port, limits, time.clock);
  for (let call = 0; call < 20; call++) {
    const stream = streams.call(`p${call}`, 'e', 1);
    stream.append(bytes(call), true);
    streams.done(stream);
  }
  assert.ok([...streams.all()].length <= limits.frames + 1);
  assert.throws(() => streams.resume('p0', 'e', 0), { reason: 'request.event_id' });
  assert.equal(streams.resume('p19', 'x', 0).name, 'p19');
  assert.throws(() => streams.resume('p19', 'x', 5), { reason: 'request.event_id' });
  time.advance(limits.age + 1);
  const late = streams.call('late', 'e', 1);
  late.append(bytes('x'), true);
  streams.done(late);
  assert.deepEqual(
    [...streams.all()].map(({ name }) => name),
    ['-', 'late'],
  );
});

test('of the answers that were sent a few are kept, and more where calls ran beside each other: the others go on while one comes back', () => {
  const streams = new Streams(desk(), { ...limits, frames: 1_000 }, fakeTime().clock);
  const answer = (stream: Stream): void => {
    stream.append(bytes(stream.name), true);
    streams.done(stream);
  };
  const kept = (): number => [...streams.all()].length - 1;
  for (let call = 0; call < 20; call++) answer(streams.call(`one after the other ${call}`, 'e', 1));
  assert.equal(kept(), 4);
  const [broken, ...others] = Array.from({ length: 3 }, (_, call) => streams.call(`at once ${call}`, 'e', 1));
  for (const stream of [broken!, ...others]) answer(stream);
  for (let call = 0; call < 28; call++) answer(streams.call(`meanwhile ${call}`, 'e', 1));
  assert.equal(streams.resume(broken!.name, 'x', 0).name, broken!.name);
  const crowd = Array.from({ length: 12 }, (_, call) => streams.call(`all at once ${call}`, 'e', 1));
  for (const stream of crowd) answer(stream);
  for (const { name } of crowd) assert.equal(streams.resume(name, 'x', 0).name, name);
  for (const stream of Array.from({ length: 100 }, (_, call) => streams.call(`too many ${call}`, 'e', 1))) answer(stream);
  assert.equal(kept(), 32);
});

test('the budget takes from what was written longest ago and never the present', () => {
  const port = desk();
  const wide = { ...limits, frames: 1000, bytes: 1_000_000 };
  const old = new Stream('old', 'standalone', port, wide);
  const young = new Stream('young', 'standalone', port, wide);
  for (let seq = 0; seq < 8; seq++) old.append(Buffer.alloc(1000), false);
  for (let seq = 0; seq < 8; seq++) young.append(Buffer.alloc(1000), false);
  assert.ok(port.budget.used <= 10_000);
  assert.equal(old.frames, 1);
  assert.ok(young.frames > 1);
  old.discard();
  young.discard();
  assert.equal(port.budget.used, 0);
});

test('a reader that resumes a finished call and does not read keeps nothing else from being given up', () => {
  const port = desk();
  const streams = new Streams(port, { ...limits, frames: 20 }, fakeTime().clock);
  const slow = streams.call('slow', 'e', 1);
  slow.detach();
  for (let frame = 0; frame < 8; frame++) slow.append(bytes(frame), frame === 7);
  streams.done(slow);
  streams.resume('slow', 'x', 0);
  assert.ok(streams.blocked, 'and it stalls like any other');
  for (let call = 0; call < 100; call++) {
    const stream = streams.call(`p${call}`, 'e', 1);
    stream.append(bytes(call), true);
    streams.done(stream);
  }
  assert.ok([...streams.all()].length <= 22);
});

test('what the budget took is off the books: later calls are kept again', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  for (let call = 0; call < 40; call++) {
    const stream = streams.call(`p${call}`, 'e', 1);
    for (let frame = 0; frame < 3; frame++) stream.append(bytes(frame), frame === 2);
    streams.done(stream);
    stream.evict();
  }
  for (const name of ['a', 'b', 'c']) {
    const stream = streams.call(name, 'e', 1);
    stream.append(bytes(name), true);
    streams.done(stream);
  }
  for (const name of ['a', 'b', 'c']) assert.ok(streams.find(name)?.covers(0), name);
});

test('when room is short, what was sent to its end goes before what its reader left', () => {
  const port = desk();
  const streams = new Streams(port, limits, fakeTime().clock);
  const left = streams.call('left', 'e', 1);
  left.detach();
  left.append(bytes('the answer'), true);
  streams.done(left);
  for (let call = 0; call < 50; call++) {
    const stream = streams.call(`p${call}`, 'e', 1);
    stream.append(bytes(call), true);
    streams.done(stream);
  }
  streams.resume('left', 'x', 0);
  assert.deepEqual(port.sent['x'], [1]);
});
