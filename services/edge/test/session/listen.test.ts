/** A stream that was begun, while its owner or the bus is away. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { BusError, subjects, type ControlHead, type DownHead } from '@causeway/cluster';
import { ANONYMOUS, CausewayError, newWorkerId, type SessionToken } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import type { EdgeContext, KnownSession } from '../../src/context.ts';
import type { Listener } from '../../src/session/exchange.ts';
import { Listening } from '../../src/session/listen.ts';
import { Places } from '../../src/session/places.ts';

/** What the bus, or the store of the records, fails with. */
interface World {
  bus?: BusError | undefined;
  store?: CausewayError | undefined;
}

const AWAY = new BusError('disconnected', 'x');

/** A stream of which the client has three frames, and whose owner the bus did not find. */
function begun(world: World) {
  const time = fakeTime();
  const sent: ControlHead[] = [];
  const told: string[] = [];
  const words: string[] = [];
  let listener: Listener | undefined;
  const session = { token: 't' as SessionToken, owner: newWorkerId(), identity: ANONYMOUS, server: 'git' } as KnownSession;
  const at = { owner: session.owner, epoch: 1 };
  const exchanges = {
    begin: (one: Listener) => {
      listener = one;
      const send = (_worker: unknown, _subject: unknown, head: ControlHead): void => {
        if (world.bus) throw world.bus;
        sent.push(head);
      };
      return { name: 'E-1', to: 'e', heard: 0, follow: () => undefined, send, end: () => undefined };
    },
    words: { tell: (_subject: unknown, head: ControlHead) => void words.push(head.t) },
  };
  const relocation = { find: async () => (world.store ? Promise.reject(world.store) : at) };
  const cluster = { subjects: subjects() };
  const edge = { ...time, exchanges, relocation, cluster, places: new Places(), random: () => 0.5, log: silentLog() };
  const ports = {
    attached: (stream: string) => told.push(`attached ${stream}`),
    message: () => undefined,
    refused: (error: CausewayError) => told.push(error.reason),
    ended: () => told.push('ended'),
  };
  const listening = new Listening(edge as unknown as EdgeContext, session, ports, {
    missing: 'unreached',
    at,
    heard: { stream: 'E-0', seq: 3 },
  });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      await turn();
      time.advance(500);
    }
    await turn();
  };
  return { listening, sent, told, words, pass, hear: (head: DownHead) => listener?.receive(head, Buffer.alloc(0)) };
}

const attach = { t: 'attach', identity: ANONYMOUS, stream: 'E-0', after: 3 };

test('while the bus is away a stream that was begun waits, and goes on after what its client has', async () => {
  const world: World = { bus: AWAY };
  const { sent, told, pass, hear } = begun(world);
  await pass(20_000);
  assert.deepEqual([sent, told], [[], []]);
  world.bus = undefined;
  await pass(5_000);
  assert.deepEqual(sent, [attach]);
  hear({ t: 'ok' });
  assert.deepEqual(told, ['attached E-0']);
});

test('an owner that does not know yet whether it is one is asked again, as is a store without a leader', async () => {
  const { sent, told, pass, hear } = begun({ store: new CausewayError('cluster.unavailable', { retryAfter: 2 }) });
  await pass(1_500);
  assert.deepEqual(sent, []);
  await pass(1_000);
  assert.deepEqual(sent, [attach], 'whoever seems to be gone is asked all the same');
  hear({ t: 'no', reason: 'cluster.owner_silent', retryAfter: 1 });
  await pass(1_500);
  assert.deepEqual(sent, [attach, attach]);
  assert.deepEqual(told, []);
});

test('it does not wait for ever, nor for what is certainly gone', async () => {
  const patient = begun({ bus: AWAY });
  await patient.pass(70_000);
  assert.deepEqual(patient.told, ['ended']);
  const gone = begun({ store: new CausewayError('request.session_unknown') });
  await gone.pass(500);
  assert.deepEqual(gone.told, ['ended']);
});

test('a client that leaves meanwhile is waited for no longer', async () => {
  const world: World = { bus: AWAY };
  const { listening, sent, told, pass } = begun(world);
  await pass(5_000);
  listening.leave();
  world.bus = undefined;
  await pass(5_000);
  assert.deepEqual([sent, told], [[], []]);
});

test('a client that leaves while its owner is not found has left it all the same: it may still be there, and send', async () => {
  const { listening, words, hear, pass } = begun({});
  await pass(500);
  hear({ t: 'ok' });
  hear({ t: 'no', reason: 'cluster.owner_silent', retryAfter: 1 });
  listening.leave();
  assert.deepEqual(words, ['detach']);
});
