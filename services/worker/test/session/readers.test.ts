import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlHead, DownHead } from '@causeway/cluster';
import { ANONYMOUS } from '@causeway/protocol';
import { fakeTime } from '@causeway/runtime';
import { EdgeWatch } from '../../src/edges.ts';
import { Idle } from '../../src/session/idle.ts';
import { HARD } from '../../src/session/lag.ts';
import type { SessionParts } from '../../src/session/parts.ts';
import { PATIENCE } from '../../src/session/patience.ts';
import { GRACE, Readers, STALL } from '../../src/session/readers.ts';
import { Streams } from '../../src/session/streams.ts';

const limits = { frames: 8, bytes: 1000, age: 60_000, credit: { frames: 2, bytes: 400 } };

/** A session's reading side with everything around it told, nothing done. */
function session(transport: 'streamable' | 'sse' = 'streamable') {
  const time = fakeTime();
  const log: string[] = [];
  const said: DownHead[] = [];
  const pings: string[] = [];
  const sent: string[] = [];
  const publish = (to: string, _head: unknown, bytes?: Buffer): void => void sent.push(`${to} ${bytes?.toString()}`);
  const streams = new Streams({ publish, charge: () => undefined }, limits, time.clock);
  const idle = new Idle(time.clock, time.wheel, { idle: 1000, left: 1e9 }, () => log.push('idle'));
  const watch = new EdgeWatch(time.wheel, (edge) => pings.push(edge));
  const parts = {
    transport,
    streams,
    idle,
    wheel: time.wheel,
    clock: time.clock,
    log: { warn: (facts: object) => log.push(JSON.stringify(facts)) },
    child: () => ({ pause: () => log.push('pause'), resume: () => log.push('resume'), flush: () => log.push('flush') }),
    revision: () => '2025-11-25',
    reply: (_to: string, head: DownHead) => said.push(head) && log.push(head.t),
    close: (reason: string) => log.push(reason),
  } as unknown as SessionParts;
  const readers = new Readers(parts, watch);
  const attach = (stream: string, to: string, after?: number): void =>
    readers.attach({ t: 'attach', identity: ANONYMOUS, stream, ...(after === undefined ? {} : { after }) }, to);
  const detach = (stream: string, to: string): void =>
    readers.detach({ t: 'detach', identity: ANONYMOUS, stream, to } satisfies ControlHead);
  return { time, log, said, pings, sent, streams, watch, readers, attach, detach };
}

test('after any number of take-overs the last reader that leaves lets the session become idle', () => {
  const { time, log, attach, detach } = session();
  attach('g1', 'cw.e.A.g.g1');
  attach('g2', 'cw.e.B.g.g2');
  detach('g1', 'cw.e.A.g.g1');
  time.advance(5000);
  assert.ok(!log.includes('idle'), 'g2 reads');
  detach('g2', 'cw.e.B.g.g2');
  time.advance(3000);
  assert.ok(log.includes('idle'));
});

test('a late word of an edge that was taken over changes nothing', () => {
  const { attach, detach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  streams.home().append(Buffer.from('x'), false);
  attach('g1', 'cw.e.B.g.g9', 1);
  detach('g1', 'cw.e.A.g.g1');
  assert.equal(streams.standalone.to, 'cw.e.B.g.g9');
});

test('an edge that asks for a stream as if it were new goes on with the one that there is', () => {
  const { attach, sent, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  streams.home().append(Buffer.from('x'), false);
  attach('g2', 'cw.e.B.g.g2');
  streams.home().append(Buffer.from('y'), false);
  const first = streams.find('g1');
  attach('g1', 'cw.e.A.g.g1');
  assert.equal(streams.find('g1'), first, 'an event id means one thing');
  assert.equal(streams.standalone, first);
  assert.deepEqual(
    sent.filter((one) => one.startsWith('cw.e.A')),
    ['cw.e.A.g.g1 x', 'cw.e.A.g.g1 undefined', 'cw.e.A.g.g1 x'],
  );
});

test('of a call that is over, whoever has all of it is told that it is complete, also when it is not kept any more', () => {
  const { attach, said, sent, streams } = session();
  const heads = (): readonly unknown[] => said.splice(0).map((head) => [head.t, 'complete' in head]);
  const call = (name: string, ...frames: readonly string[]): void => {
    const stream = streams.call(name, 'cw.e.A.g.p', 1);
    for (const [at, text] of frames.entries()) stream.append(Buffer.from(text), at === frames.length - 1);
    if (frames.length === 0) stream.finish('cancelled');
    streams.done(stream);
  };
  call('p1', 'x', 'y');
  attach('p1', 'cw.e.B.g.g1', 2);
  assert.equal(sent.at(-1), 'cw.e.B.g.g1 undefined', 'a former edge hears the end as well');
  attach('p1', 'cw.e.B.g.g2', 1);
  assert.deepEqual(heads(), [
    ['ok', true],
    ['ok', false],
  ]);
  call('cancelled');
  attach('cancelled', 'cw.e.B.g.g3', 0);
  for (let at = 0; at < 20; at++) call(`q${at}`, 'z');
  attach('p1', 'cw.e.B.g.g4', 2);
  attach('p1', 'cw.e.B.g.g5', 1);
  attach('nobody', 'cw.e.B.g.g6', 0);
  streams.call('runs', 'cw.e.A.g.p', 1);
  attach('runs', 'cw.e.B.g.g7', 0);
  assert.deepEqual(heads(), [
    ['no', true],
    ['no', true],
    ['no', false],
    ['no', false],
    ['ok', false],
  ]);
});

test('edges are pinged while somebody reads there, once each, and a lost one frees its readers', () => {
  const { time, pings, watch, attach, detach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  time.advance(2000);
  time.advance(2000);
  assert.deepEqual(pings, ['A', 'A']);
  watch.lost('B', 2);
  assert.ok(streams.standalone.to);
  watch.heard('cw.e.A.g.x');
  watch.lost('A', 2);
  assert.ok(streams.standalone.to, 'it was heard since that ping');
  time.advance(2000);
  watch.lost('A', 3);
  assert.equal(streams.standalone.to, undefined);
  attach('g2', 'cw.e.B.g.g2');
  detach('g2', 'cw.e.B.g.g2');
  pings.length = 0;
  time.advance(10_000);
  assert.deepEqual(pings, []);
});

test('a 2024-11-05 session ends with its stream: at once when its client leaves, after a grace when its edge is lost', () => {
  const left = session('sse');
  left.readers.openSse('s', 'cw.e.A.g.s');
  left.detach('s', 'cw.e.A.g.s');
  assert.ok(left.log.includes('client_gone'));
  const lost = session('sse');
  lost.readers.openSse('s', 'cw.e.A.g.s');
  lost.watch.lost('A', 1);
  lost.time.advance(GRACE - 1);
  assert.ok(!lost.log.includes('client_gone'));
  lost.attach('s', 'cw.e.A.g.s', 0);
  lost.time.advance(GRACE);
  assert.ok(!lost.log.includes('client_gone'), 'the edge took it up again');
  lost.watch.lost('A', 9);
  lost.time.advance(GRACE);
  assert.ok(lost.log.includes('client_gone'));
});

test('while the lease is in doubt nobody can be where a 2024-11-05 stream is looked for: the grace begins when it is certain again', () => {
  const { time, log, watch, readers, attach } = session('sse');
  readers.openSse('s', 'cw.e.A.g.s');
  watch.lost('A', 1);
  time.advance(GRACE - 1);
  readers.suspend(true);
  time.advance(3 * GRACE);
  readers.suspend(false);
  time.advance(GRACE - 1);
  assert.ok(!log.includes('client_gone'));
  attach('s', 'cw.e.A.g.s', 0);
  readers.suspend(true);
  watch.lost('A', 99);
  time.advance(GRACE);
  assert.ok(!log.includes('client_gone'), 'nor does it begin in doubt');
  readers.suspend(false);
  time.advance(GRACE);
  assert.ok(log.includes('client_gone'));
});

test('what a call over HTTP+SSE brings comes on the stream that is open by then, not on the one at its start', () => {
  const { attach, readers, streams } = session('sse');
  const early = streams.standalone;
  readers.openSse('s', 'cw.e.A.g.s');
  const now = streams.present(early);
  assert.equal(now.name, 's');
  assert.equal(now.to, 'cw.e.A.g.s');
  now.append(Buffer.from('answer'), false);
  attach('s', 'cw.e.A.g.s');
  assert.equal(streams.present(early), now, 'asked for again it is the same stream');
  assert.equal(now.newest, 1);
});

test('a 2024-11-05 stream goes on after what its client has, although a late question for less was answered to nobody', () => {
  const { attach, log, readers, sent, streams } = session('sse');
  readers.openSse('s', 'cw.e.A.g.s');
  for (const what of ['x', 'y']) streams.home().append(Buffer.from(what), false);
  attach('s', 'cw.e.A.g.s', 0);
  readers.lost('s', streams.standalone.attachment, 1);
  attach('s', 'cw.e.A.g.t', 2);
  assert.ok(!log.includes('no'));
  streams.home().append(Buffer.from('z'), false);
  assert.deepEqual(
    sent.filter((one) => one.startsWith('cw.e.A.g.t')),
    ['cw.e.A.g.t z'],
  );
});

test('the child is not read while a reader lags, and a reader that does not move is let go', () => {
  const { time, log, readers, attach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  for (let at = 0; at < 3; at++) streams.home().append(Buffer.from('x'), false);
  readers.balance();
  assert.equal(log.at(-1), 'pause');
  readers.credit({ t: 'credit', identity: ANONYMOUS, stream: 'g1', to: 'cw.e.A.g.g1', seq: 2 });
  assert.equal(log.at(-1), 'resume');
  for (let at = 0; at < 3; at++) streams.home().append(Buffer.from('x'), false);
  readers.balance();
  const still = (): void => time.advance(5_000);
  for (let looked = 0; looked < 4; looked++) still();
  readers.credit({ t: 'credit', identity: ANONYMOUS, stream: 'g1', to: 'cw.e.A.g.g1', seq: 2 });
  for (let waited = 0; waited <= STALL - 5_000; waited += 5_000) still();
  assert.ok(streams.standalone.to, 'it moved meanwhile');
  for (let looked = 0; looked < 3; looked++) still();
  assert.equal(streams.standalone.to, undefined);
  assert.ok(log.lastIndexOf('resume') > log.lastIndexOf('pause'));
});

test('while another call waits whose reader keeps up, the child is read on past one that lags, after a moment', () => {
  const { time, log, readers, attach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  for (let at = 0; at < 3; at++) streams.home().append(Buffer.from('x'), false);
  readers.balance();
  assert.equal(log.at(-1), 'pause');
  time.advance(PATIENCE + 10);
  assert.equal(log.at(-1), 'pause', 'nobody needs the child');
  const call = streams.call('p1', 'cw.e.A.p.p1', 1);
  readers.balance();
  assert.equal(log.at(-1), 'resume', 'it had its time before the call came');
  for (let at = 0; at < 100; at++) streams.standalone.append(Buffer.from('x'), false, { dispensable: 'log' });
  call.append(Buffer.from('answer'), true);
  streams.done(call);
  readers.balance();
  assert.equal(log.at(-1), 'pause');
  readers.credit({ t: 'credit', identity: ANONYMOUS, stream: 'g1', to: 'cw.e.A.g.g1', seq: 2 });
  for (let seq = 4; seq < 12; seq += 2) readers.credit({ t: 'credit', identity: ANONYMOUS, stream: 'g1', to: 'cw.e.A.g.g1', seq });
  assert.equal(log.at(-1), 'resume');
  assert.ok(log.includes('{"missed":93}'));
});

test('a call that begins to wait behind a reader that has just begun to lag waits for a moment and no longer', () => {
  const { time, log, readers, attach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  for (let at = 0; at < 3; at++) streams.home().append(Buffer.from('x'), false);
  streams.call('p1', 'cw.e.A.p.p1', 1);
  readers.balance();
  time.advance(PATIENCE - 20);
  assert.equal(log.at(-1), 'pause');
  time.advance(40);
  assert.equal(log.at(-1), 'resume');
  assert.ok(streams.standalone.lag?.overtaken);
});

test('a reader that was overtaken is let go at once when more than the bound waits for it', () => {
  const { time, log, readers, attach, streams } = session();
  attach('g1', 'cw.e.A.g.g1');
  for (let at = 0; at < 3; at++) streams.home().append(Buffer.from('x'), false);
  streams.call('p1', 'cw.e.A.p.p1', 1);
  readers.balance();
  time.advance(PATIENCE + 20);
  streams.standalone.append(Buffer.alloc(HARD), false);
  readers.balance();
  assert.ok(streams.standalone.to, 'the bound is not passed');
  streams.standalone.append(Buffer.alloc(2_000), false);
  readers.balance();
  assert.equal(streams.standalone.to, undefined);
  assert.equal(log.at(-1), 'resume');
});

test('what rode a call that its edge gave up, and tied to none was not heard there, goes to who is there', () => {
  const { attach, readers, sent, streams } = session();
  const call = streams.call('c', 'cw.e.A.g.c', 1);
  const say = (text: string, loose: boolean): void => call.append(Buffer.from(text), false, loose ? { loose } : {});
  say('heard', true);
  say('lost', true);
  say('progress', false);
  say('lost too', true);
  const forsake = { t: 'detach', identity: ANONYMOUS, stream: 'c', to: 'cw.e.A.g.c', heard: 1 } satisfies ControlHead;
  attach('g', 'cw.e.B.g.g');
  readers.detach(forsake);
  readers.detach(forsake);
  const carried = sent.filter((one) => one.startsWith('cw.e.B'));
  assert.deepEqual(carried, ['cw.e.B.g.g lost', 'cw.e.B.g.g lost too']);
  assert.equal(streams.home(), streams.standalone, 'nothing rides it any more, though it runs');
  call.append(Buffer.from('answer'), true);
  streams.done(call);
  assert.equal(streams.find('c'), call);
});

test('a call that was taken up through another edge is not given up by the word of the one before', () => {
  const { attach, readers, streams } = session();
  const call = streams.call('c', 'cw.e.A.g.c', 1);
  call.append(Buffer.from('x'), false, { loose: true });
  attach('c', 'cw.e.B.g.g', 0);
  readers.detach({ t: 'detach', identity: ANONYMOUS, stream: 'c', to: 'cw.e.A.g.c', heard: 0 });
  assert.equal(call.to, 'cw.e.B.g.g');
  assert.equal(streams.home(), call);
});
