import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import fc from 'fast-check';
import { BusError, type BusFailure, type BusLimits, type BusMessage } from '../src/bus.ts';
import { LAST_MARK, MARK, readPart, TRANSFER_SILENCE, whole } from '../src/chunks.ts';
import { PartReceiver } from '../src/reassembly.ts';
import { PartSender, PROBE_INTERVAL } from '../src/transfers.ts';

const LIMITS: BusLimits = { maxMessageBytes: 1_000, partBytes: 100, partWindow: 3 };

interface Sent {
  readonly subject: string;
  readonly payload: Buffer;
  readonly reply: string | undefined;
}

/** Of the message with this number. */
const contentOf = (bytes: number, index: number): Buffer => Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => index + at));

/** As an envelope comes: a short line, and the message. */
const inPieces = (data: Buffer): readonly Buffer[] => [data.subarray(0, data.length % 7), data.subarray(data.length % 7)];

/** A sender and a receiver with a wire between them that the test moves. */
function wire(limits: BusLimits = LIMITS, receiverBytes = limits.maxMessageBytes, budget = { left: 8 * limits.maxMessageBytes }) {
  const outbound: Sent[] = [];
  const acknowledgements: { readonly address: string; readonly payload: Buffer }[] = [];
  const bounced: { readonly reply: string; readonly failure: BusFailure }[] = [];
  const delivered: BusMessage[] = [];
  const sender = new PartSender({
    inbox: 'inbox.a',
    limits,
    send: (subject, payload, reply) => outbound.push({ subject, payload: Buffer.from(payload), reply }),
    receiver: (subject) => subject.split('.')[0]!,
    bounce: (reply, failure) => bounced.push({ reply, failure }),
  });
  const receiver = new PartReceiver({
    maxMessageBytes: receiverBytes,
    budget,
    answer: (address, payload) => acknowledgements.push({ address, payload }),
    deliver: (message) => delivered.push(message),
  });
  const arrive = ({ subject, payload, reply }: Sent): void => {
    if (payload[0] === MARK.part || payload[0] === MARK.probe) receiver.take(subject, reply!, payload);
    else delivered.push({ kind: 'data', subject, reply, data: payload[0] === MARK.escaped ? payload.subarray(1) : payload });
  };
  const acknowledge = (): void => {
    const { address, payload } = acknowledgements.shift()!;
    assert.equal(sender.settle(address, payload), true);
  };
  const run = (): void => {
    while (outbound.length + acknowledgements.length > 0) {
      if (outbound.length > 0) arrive(outbound.shift()!);
      else acknowledge();
    }
  };
  return { sender, receiver, outbound, acknowledgements, bounced, delivered, budget, arrive, acknowledge, run };
}

describe('parts', () => {
  it('whole messages travel as they are, unless their first byte is a mark', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const data = Buffer.of(byte, 1);
      const payload = whole(data);
      if (byte > LAST_MARK) assert.equal(payload, data);
      else assert.deepEqual([...payload], [MARK.escaped, byte, 1]);
    }
    assert.equal(whole(Buffer.alloc(0)).length, 0);
  });

  it('whatever is sent arrives once, whole, in order for each subject, and nothing is left', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 101, max: 1_000 }), fc.constantFrom(99, 100, 101, 200, 201));
    const messages = fc.array(fc.record({ subject: fc.constantFrom('s.1', 's.2', 's.3'), size, reply: fc.boolean() }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.infiniteStream(fc.boolean()), (all, arrivals) => {
        const test = wire();
        all.forEach(({ subject, size: bytes, reply }, index) => {
          const data = contentOf(bytes, index);
          const answer = reply ? `answer.${index}` : undefined;
          if (bytes > LIMITS.partBytes || test.sender.holds(subject)) test.sender.send(subject, inPieces(data), answer);
          else test.outbound.push({ subject, payload: Buffer.from(whole(data)), reply: answer });
        });
        for (const arrival of arrivals) {
          if (test.outbound.length + test.acknowledgements.length === 0) break;
          if (test.outbound.length > 0 && (arrival || test.acknowledgements.length === 0)) test.arrive(test.outbound.shift()!);
          else test.acknowledge();
        }
        for (const subject of ['s.1', 's.2', 's.3']) {
          const sent = all.map((one, index) => ({ ...one, index })).filter((one) => one.subject === subject);
          const got = test.delivered.filter((one) => one.subject === subject);
          assert.deepEqual(
            got.map((one) => [one.data.toString('hex'), one.reply]),
            sent.map((one) => [contentOf(one.size, one.index).toString('hex'), one.reply ? `answer.${one.index}` : undefined]),
          );
          assert.equal(test.sender.holds(subject), false);
        }
        assert.deepEqual(test.bounced, []);
        assert.equal(test.budget.left, 8 * LIMITS.maxMessageBytes);
      }),
    );
  });

  it('no more parts than the window are on their way, and other subjects are not held up', () => {
    const { sender, outbound, arrive, acknowledge, run, delivered } = wire();
    sender.send('large', [Buffer.alloc(1_000, 1)], undefined);
    assert.equal(outbound.length, LIMITS.partWindow);
    assert.ok(sender.holds('large'));
    assert.ok(!sender.holds('other'));
    arrive(outbound.shift()!);
    assert.equal(outbound.length, LIMITS.partWindow - 1);
    acknowledge();
    assert.equal(outbound.length, LIMITS.partWindow);
    run();
    assert.equal(delivered.length, 1);
  });

  it('nobody listening, a refusal or a silence before the last part was sent is said at the reply address, once', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      for (const blow of ['nobody', 'refused', 'silence'] as const) {
        const { sender, outbound, bounced } = wire();
        sender.send('s', [Buffer.alloc(1_000)], 'answer');
        sender.send('s', [Buffer.alloc(10, 0x7b)], 'next');
        const address = outbound[0]!.reply!;
        if (blow === 'silence') mock.timers.tick(TRANSFER_SILENCE);
        else sender.settle(address, blow === 'nobody' ? 'undelivered' : Buffer.of(MARK.refused));
        sender.settle(address, 'undelivered');
        assert.deepEqual(bounced, [{ reply: 'answer', failure: 'no_responders' }], blow);
        assert.equal(outbound.at(-1)!.reply, 'next', 'what waited behind it goes on');
        assert.equal(sender.holds('s'), false);
      }
    } finally {
      mock.timers.reset();
    }
  });

  it('when every part was sent and nothing comes back, nothing is claimed', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const { sender, outbound, bounced } = wire();
      sender.send('s', [Buffer.alloc(250)], 'answer');
      assert.equal(outbound.length, 3);
      mock.timers.tick(TRANSFER_SILENCE);
      assert.deepEqual(bounced, []);
    } finally {
      mock.timers.reset();
    }
  });

  it('a sender that may send no more asks whether anybody listens: nobody ends it, a receiver that knows it does not', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const { sender, receiver, outbound, acknowledgements, bounced, arrive, acknowledge } = wire();
      sender.send('s', [Buffer.alloc(1_000)], 'answer');
      arrive(outbound.shift()!);
      acknowledgements.length = 0;
      outbound.length = 0;
      mock.timers.tick(PROBE_INTERVAL);
      assert.deepEqual([outbound.length, ...outbound[0]!.payload], [1, MARK.probe]);
      arrive(outbound.shift()!);
      acknowledge();
      assert.deepEqual([outbound.length, bounced.length], [1, 0], 'the acknowledgement that was lost came after all');
      outbound.length = 0;
      receiver.close();
      acknowledgements.length = 0;
      mock.timers.tick(PROBE_INTERVAL);
      arrive(outbound.shift()!);
      acknowledge();
      assert.deepEqual(bounced, [{ reply: 'answer', failure: 'no_responders' }]);
    } finally {
      mock.timers.reset();
    }
  });

  it('a lost connection bounces what had not left completely, and forgets the rest', () => {
    const { sender, bounced } = wire();
    sender.send('left', [Buffer.alloc(250)], 'a');
    sender.send('half', [Buffer.alloc(1_000)], 'b');
    sender.send('half', [Buffer.alloc(10)], 'c');
    sender.drop('disconnected');
    assert.deepEqual(bounced, [
      { reply: 'b', failure: 'disconnected' },
      { reply: 'c', failure: 'disconnected' },
    ]);
    for (const subject of ['left', 'half']) assert.equal(sender.holds(subject), false);
  });

  it('what waits is bounded', () => {
    const mib = 1024 * 1024;
    const { sender } = wire({ maxMessageBytes: 32 * mib, partBytes: mib, partWindow: 1 });
    const large = Array.from({ length: 32 }, () => Buffer.alloc(mib));
    for (let index = 0; index < 8; index += 1) sender.send(`s.${index % 3}`, large, undefined);
    assert.throws(
      () => sender.send('s.4', [Buffer.alloc(1)], undefined),
      (error: unknown) => error instanceof BusError && error.failure === 'crowded',
    );
    sender.drop('aborted');
    sender.send('s', large, undefined);
    sender.drop('aborted');
  });

  it('the window is that of a process, whose messages have their turns; other processes have their own', () => {
    const { sender, receiver, outbound, delivered, arrive, acknowledge } = wire();
    for (const subject of ['a.1', 'a.2', 'a.3', 'a.4', 'a.5', 'b.1']) sender.send(subject, [Buffer.alloc(1_000, 1)], undefined);
    const leaving = (): [string, number][] => outbound.map(({ subject, payload }) => [subject, readPart(payload)!.index]);
    const first: [string, number][] = ['a.1', 'a.1', 'a.1', 'b.1', 'b.1', 'b.1'].map((subject, nth) => [subject, nth % 3]);
    assert.deepEqual(leaving(), first);
    for (const sent of outbound.splice(0, 3)) arrive(sent);
    outbound.length = 0;
    for (let nth = 0; nth < 3; nth += 1) acknowledge();
    assert.deepEqual(leaving(), [
      ['a.2', 0],
      ['a.3', 0],
      ['a.1', 3],
    ]);
    let most = 0;
    const ended: string[] = [];
    while (delivered.length < 5) {
      most = Math.max(most, outbound.length);
      arrive(outbound.shift()!);
      acknowledge();
      if (ended.length < delivered.length) ended.push(delivered.at(-1)!.subject);
    }
    assert.equal(most, LIMITS.partWindow);
    assert.deepEqual(ended, ['a.1', 'a.2', 'a.3', 'a.4', 'a.5']);
    sender.drop('aborted');
    receiver.close();
  });

  it('a small large message does not wait for the end of larger ones', () => {
    const { sender, receiver, outbound, delivered, arrive, acknowledge } = wire();
    for (const subject of ['a.1', 'a.2']) sender.send(subject, [Buffer.alloc(1_000, 1)], undefined);
    sender.send('a.3', [Buffer.alloc(150, 1)], undefined);
    let parts = 0;
    for (; delivered.length === 0; parts += 1) {
      arrive(outbound.shift()!);
      acknowledge();
    }
    assert.equal(delivered[0]!.subject, 'a.3');
    assert.ok(parts <= 8, `${parts} parts`);
    sender.drop('aborted');
    receiver.close();
  });

  it('what was lost on its way takes nobody room for longer than two intervals', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const { sender, outbound, bounced } = wire();
      for (const subject of ['a.1', 'a.2', 'a.3', 'a.4']) sender.send(subject, [Buffer.alloc(1_000, 1)], subject);
      sender.send('a.5', [Buffer.alloc(200, 1)], 'a.5');
      outbound.length = 0;
      mock.timers.tick(PROBE_INTERVAL);
      assert.deepEqual(
        outbound.splice(0).map(({ payload }) => payload[0]),
        [MARK.probe],
      );
      mock.timers.tick(PROBE_INTERVAL);
      assert.deepEqual(
        outbound.filter(({ payload }) => payload[0] === MARK.part).map(({ subject }) => subject),
        ['a.2', 'a.3', 'a.4'],
      );
      sender.settle(outbound.find(({ subject }) => subject === 'a.2')!.reply!, 'undelivered');
      assert.deepEqual(bounced, [{ reply: 'a.2', failure: 'no_responders' }]);
      assert.equal(outbound.at(-1)!.subject, 'a.5', 'its place is the next one’s');
      mock.timers.tick(TRANSFER_SILENCE);
      assert.deepEqual(
        bounced.map(({ reply }) => reply),
        ['a.2', 'a.1', 'a.3', 'a.4'],
        'of what has left completely nothing is known',
      );
      for (const subject of ['a.1', 'a.2', 'a.3', 'a.4', 'a.5']) assert.equal(sender.holds(subject), false);
    } finally {
      mock.timers.reset();
    }
  });

  it('a receiver refuses what is too large, too much at once, out of order, or no part', () => {
    const tooLarge = wire(LIMITS, 500);
    tooLarge.sender.send('s', [Buffer.alloc(1_000)], 'answer');
    tooLarge.run();
    assert.deepEqual(tooLarge.bounced, [{ reply: 'answer', failure: 'no_responders' }]);

    const tooMuch = wire(LIMITS, 1_000, { left: 1_500 });
    tooMuch.sender.send('s.1', [Buffer.alloc(1_000)], 'one');
    tooMuch.sender.send('s.2', [Buffer.alloc(1_000)], 'two');
    tooMuch.run();
    assert.deepEqual([tooMuch.bounced.length, tooMuch.budget.left], [1, 1_500]);
    assert.deepEqual(
      tooMuch.delivered.map(({ kind, subject, reply }) => [kind, subject, reply]),
      [
        ['crowded', 's.2', 'two'],
        ['data', 's.1', 'one'],
      ],
    );

    const gap = wire();
    gap.sender.send('s', [Buffer.alloc(1_000)], 'answer');
    gap.outbound.splice(1, 1);
    gap.run();
    assert.deepEqual([gap.delivered.length, gap.bounced.length, gap.budget.left], [0, 1, 8_000]);

    for (const payload of [Buffer.of(MARK.part), Buffer.alloc(11, MARK.part), Buffer.alloc(12, 0xff)]) gap.receiver.take('s', 'x', payload);
    assert.equal(gap.delivered.length, 0);
  });

  it('a receiver drops and refuses a transfer whose next part does not come', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const { sender, receiver, outbound, acknowledgements, arrive, budget } = wire();
      sender.send('s', [Buffer.alloc(1_000)], undefined);
      arrive(outbound.shift()!);
      mock.timers.tick(TRANSFER_SILENCE - 1);
      assert.equal(acknowledgements.length, 1);
      mock.timers.tick(1);
      assert.equal(acknowledgements.at(-1)!.payload[0], MARK.refused);
      assert.equal(budget.left, 8_000);
      sender.drop('aborted');
      receiver.close();
    } finally {
      mock.timers.reset();
    }
  });
});
