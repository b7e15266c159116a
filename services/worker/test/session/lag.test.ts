import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndHead, PingHead, ServerHead } from '@causeway/cluster';
import { fakeTime } from '@causeway/runtime';
import fc from 'fast-check';
import { HARD, type Dispensable } from '../../src/session/lag.ts';
import { Stream } from '../../src/session/stream.ts';
import { Streams } from '../../src/session/streams.ts';

const limits = { frames: 8, bytes: 1000, age: 60_000, credit: { frames: 4, bytes: 400 } };

/** A stream that is read by somebody; what was sent, as text, and its positions. */
function reader() {
  const sent: string[] = [];
  const positions: number[] = [];
  const publish = (_to: string, head: ServerHead | EndHead | PingHead, bytes?: Buffer): void => {
    if (head.t !== 'server') return;
    sent.push(String(bytes));
    positions.push(head.seq);
  };
  const stream = new Stream('s', 'call', { publish, charge: () => undefined }, limits);
  stream.attach('a', 0);
  const say = (text: string, dispensable?: Dispensable): void =>
    stream.append(Buffer.from(text), false, dispensable === undefined ? {} : { dispensable });
  const overtake = (): void => {
    stream.lags(0);
    stream.lag!.overtake();
  };
  /** Takes whatever comes until nothing does. */
  const readOn = (): void => {
    for (let seq = 0; seq !== positions.length;) {
      seq = positions.length;
      stream.credit(stream.newest);
    }
  };
  return { stream, sent, positions, say, overtake, readOn };
}

test('a reader that was overtaken misses log messages and old progress beyond a journal, and nothing else', () => {
  const { stream, sent, positions, say, overtake, readOn } = reader();
  for (let at = 1; at <= 5; at++) say(`log ${at}`, 'log');
  assert.ok(stream.blocked);
  overtake();
  for (let at = 6; at <= 50; at++) {
    say(`log ${at}`, 'log');
    say(`progress ${at}`, 1);
    if (at % 10 === 0) say(`changed ${at}`);
  }
  say('other 1', 2);
  say('other 2', 2);
  stream.append(Buffer.from('answer'), true);
  readOn();
  assert.deepEqual(sent, [
    ...[1, 2, 3, 4, 5, 6].map((at) => `log ${at}`),
    'progress 6',
    'log 7',
    'progress 7',
    'log 8',
    'progress 50',
    'log 9',
    ...[10, 20, 30, 40, 50].map((at) => `changed ${at}`),
    'other 2',
    'answer',
  ]);
  assert.deepEqual(
    positions,
    positions.map((_, at) => at + 1),
  );
  assert.equal(stream.lag?.takeMissed(), 41 + 42 + 1);
  assert.equal(stream.lag.takeMissed(), 0);
});

test('one that has caught up misses nothing again', () => {
  const { stream, sent, say, overtake, readOn } = reader();
  for (let at = 0; at < 5; at++) say('x');
  overtake();
  readOn();
  for (let at = 0; at < 40; at++) say(`log ${at}`, 'log');
  readOn();
  assert.equal(sent.length, 45);
  assert.equal(stream.lag?.takeMissed(), 0);
});

test('whatever comes when: order is kept, what may not be missed is not, and of each progress the latest arrives', () => {
  const kinds = fc.constantFrom<Dispensable | undefined>('log', 1, 2, undefined);
  const steps = fc.array(
    fc.oneof(
      kinds.map((kind) => ({ kind })),
      fc.constant('credit' as const),
      fc.constant('overtake' as const),
    ),
    {
      maxLength: 120,
    },
  );
  fc.assert(
    fc.property(steps, (script) => {
      const { sent, say, overtake, readOn, stream } = reader();
      const said: { kind: Dispensable | undefined; text: string }[] = [];
      for (const step of script) {
        if (step === 'credit') stream.credit(stream.newest);
        else if (step === 'overtake') {
          if (stream.blocked) overtake();
        } else {
          said.push({ kind: step.kind, text: `${said.length}` });
          say(said.at(-1)!.text, step.kind);
        }
      }
      readOn();
      for (const kind of ['log', 1, 2, undefined]) {
        const of = said.filter((one) => one.kind === kind).map(({ text }) => text);
        const got = sent.filter((text) => of.includes(text));
        assert.deepEqual(
          got,
          of.filter((text) => got.includes(text)),
          'in order, once',
        );
        if (kind === undefined) assert.deepEqual(got, of);
        if (typeof kind === 'number') assert.equal(got.at(-1), of.at(-1));
      }
    }),
  );
});

test('what may not be missed is bounded: beyond, the reader is too far behind, unless its last message is in', () => {
  const { stream, say, overtake } = reader();
  for (let at = 0; at < 5; at++) say('x');
  const large = 'x'.repeat(HARD / 4);
  for (let at = 0; at < 4; at++) say(large);
  assert.ok(!stream.overfull, 'it is waited for');
  overtake();
  say(large);
  assert.ok(stream.overfull);
  stream.append(Buffer.from('answer'), true);
  assert.ok(!stream.overfull, 'it does not grow any more');
});

test('a message without a home goes past a reader that was overtaken, where there is another', () => {
  const streams = new Streams({ publish: () => undefined, charge: () => undefined }, limits, fakeTime().clock);
  const [first, second] = [streams.call('p1', 'e1', 1), streams.call('p2', 'e2', 1)];
  for (let at = 0; at < 5; at++) second.append(Buffer.from('x'), false);
  assert.equal(streams.home(), second);
  assert.ok(streams.needed, 'the first has been sent everything');
  second.lags(0);
  second.lag!.overtake();
  assert.equal(streams.home(), first);
  streams.done(first);
  assert.ok(!streams.needed);
  assert.equal(streams.home(), second, 'nobody else is there');
  streams.open('g', 'standalone', 'e3');
  assert.equal(streams.home(), streams.standalone);
});
