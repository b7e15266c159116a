/** How a session gets a child that shakes hands, of whichever era its server is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionToken } from '@causeway/protocol';
import { CausewayError } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import type { ServerConfig } from '@causeway/config';
import type { Child } from '../../src/child/child.ts';
import type { Eras, Proved } from '../../src/era/eras.ts';
import { startInEra } from '../../src/era/start-in-era.ts';
import { Nursery, server, type Message } from './scripted-child.ts';
import { settle } from './stage.ts';

const INITIALIZE: Message = {
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
};
const ACCEPTED = { id: 1, result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } } };
const REFUSED = { id: 1, error: { code: -32601, message: 'no' } };
const ONLY_MODERN = { id: 1, error: { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } } };
const DISCOVERED = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} };

interface Known extends Proved {
  /** What a probe finds out, when. */
  readonly probe?: Promise<boolean>;
}

class Stage {
  readonly nursery = new Nursery();
  readonly said: string[] = [];
  readonly exits: string[] = [];
  readonly learnt: Proved[] = [];
  probes = 0;
  child!: Child;

  async start(known: Known = {}, more: Partial<ServerConfig> = {}): Promise<this> {
    const eras: Eras = {
      modern: async () => {
        this.probes += 1;
        return known.modern ?? known.probe ?? false;
      },
      legacy: ({ era }) => (era === 'auto' ? known.legacy : era === 'legacy'),
      learn: (_, proved) => void this.learnt.push(proved),
    };
    const start = startInEra({
      start: (_session, _server, listeners) => this.nursery.start(listeners),
      eras,
      wheel: fakeTime().wheel,
      log: silentLog(),
    });
    const listeners = {
      line: (bytes: Buffer) => void this.said.push(bytes.toString()),
      broken: (why: string) => void this.exits.push(why),
      exit: () => void this.exits.push('exit'),
    };
    this.child = await start({ token: 'abcdefgh' as SessionToken, epoch: 1 }, server(more), listeners);
    return this;
  }

  write(message: Message): boolean {
    return this.child.write(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
  }

  heard(): Message[] {
    return this.said.splice(0).map((line) => JSON.parse(line) as Message);
  }
}

test('a server that accepts the handshake is passed through as it is, and that is learnt', async () => {
  const stage = await new Stage().start();
  const child = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  assert.deepEqual(child.take(), [{ jsonrpc: '2.0', ...INITIALIZE }]);
  child.say({ method: 'notifications/message', params: {} });
  child.say(ACCEPTED);
  child.say('noise');
  assert.equal(stage.said.pop(), 'noise');
  assert.equal(stage.heard().length, 2);
  assert.deepEqual([stage.learnt, stage.probes, stage.nursery.children.length], [[{ legacy: true }], 0, 1]);
  child.exit();
  assert.deepEqual(stage.exits, ['exit']);
});

test('one that refuses it and names the other era is started anew behind the translation, and the session does not notice', async () => {
  const stage = await new Stage().start();
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  first.say(ONLY_MODERN);
  const second = await stage.nursery.nth(2);
  assert.equal(first.stops, 1);
  const [discover] = second.take();
  assert.equal(discover?.method, 'server/discover');
  assert.deepEqual([stage.heard(), stage.exits], [[], []]);
  second.say({ id: discover.id!, result: DISCOVERED });
  assert.equal(stage.heard()[0]?.result?.['protocolVersion'], '2025-11-25');
  assert.deepEqual([stage.learnt, stage.probes], [[{ legacy: false }, { modern: true }, { modern: true }], 0]);
  first.say({ method: 'notifications/message' });
  assert.deepEqual(stage.heard(), [], 'the first is not heard any more');
  assert.equal(stage.child.pid, second.pid);
  second.exit();
  assert.deepEqual(stage.exits, ['exit']);
});

test('one that refuses it without a word of another era is probed; what is said meanwhile waits', async () => {
  const probe = Promise.withResolvers<boolean>();
  const stage = await new Stage().start({ probe: probe.promise });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  first.say(REFUSED);
  assert.equal(first.paused, true);
  const early: Message = { id: 2, method: 'tools/list' };
  assert.equal(stage.write(early), true);
  first.exit();
  assert.deepEqual([stage.heard(), stage.exits], [[], []]);
  probe.resolve(true);
  const second = await stage.nursery.nth(2);
  const [discover, list] = second.take();
  assert.deepEqual([discover?.method, list?.method], ['server/discover', 'tools/list']);
  assert.equal(stage.probes, 1);
  assert.deepEqual(stage.exits, [], 'the end of the first is nobody’s business');
});

test('the refusal of a server that has no other era is told, and then what it said and how it ended', async () => {
  const probe = Promise.withResolvers<boolean>();
  const stage = await new Stage().start({ probe: probe.promise });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  first.say(REFUSED);
  first.say({ method: 'notifications/message', params: {} });
  stage.write({ id: 2, method: 'ping' });
  probe.resolve(false);
  await settle();
  assert.deepEqual(
    stage.heard().map(({ error, method }) => method ?? error?.code),
    [-32601, 'notifications/message'],
  );
  assert.deepEqual(
    first.take().map(({ method }) => method),
    ['initialize', 'ping'],
  );
  assert.deepEqual([first.paused, first.stops, stage.nursery.children.length], [false, 0, 1]);
  assert.deepEqual(stage.learnt, [{ legacy: false }]);
});

test('that it has ended is told however much it said before, while it was found out how to go on', async () => {
  const probe = Promise.withResolvers<boolean>();
  const stage = await new Stage().start({ probe: probe.promise });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  first.say(REFUSED);
  for (let n = 0; n < 100; n++) first.say({ method: 'notifications/message', params: { n } });
  first.exit();
  probe.resolve(false);
  await settle();
  assert.deepEqual([stage.heard().length, stage.exits], [65, ['exit']]);
});

test('a handshake that is none of any era proves nothing about the server', async () => {
  const stage = await new Stage().start();
  const first = await stage.nursery.nth(1);
  stage.write({ id: 1, method: 'initialize', params: { protocolVersion: 7 } });
  first.say(REFUSED);
  await settle();
  assert.deepEqual([stage.heard()[0]?.error?.code, stage.learnt], [-32601, []]);
});

test('a server of the other era is met behind the translation from the start; what was believed wrongly is corrected', async () => {
  const stage = await new Stage().start({ modern: true, legacy: false });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  const [discover] = first.take();
  assert.equal(discover?.method, 'server/discover');
  first.say({ ...REFUSED, id: discover.id! });
  const second = await stage.nursery.nth(2);
  assert.deepEqual(second.take(), [{ jsonrpc: '2.0', ...INITIALIZE }]);
  second.say(ACCEPTED);
  assert.deepEqual(stage.heard()[0]?.result, ACCEPTED.result);
  assert.deepEqual([stage.learnt, first.stops, stage.probes], [[{ modern: false }, { legacy: true }], 1, 0]);
});

test('a handshake that the other era was refused for what the client says in it is told that, and nothing of eras', async () => {
  const stage = await new Stage().start({ legacy: false });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  const invalid = { code: -32602, message: 'clientInfo lacks a version' };
  first.say({ id: first.take()[0]!.id!, error: invalid });
  const second = await stage.nursery.nth(2);
  await settle();
  assert.equal(second.take()[0]?.method, 'initialize');
  second.say(ONLY_MODERN);
  await settle();
  assert.deepEqual(
    stage.heard().map(({ id, error }) => [id, error]),
    [[1, invalid]],
  );
});

test('a handshake is said twice at most', async () => {
  const stage = await new Stage().start({ modern: true });
  stage.write(INITIALIZE);
  (await stage.nursery.nth(1)).say(REFUSED);
  const second = await stage.nursery.nth(2);
  second.say({ ...REFUSED, id: second.take()[0]!.id! });
  await settle();
  assert.deepEqual([stage.heard().length, stage.nursery.children.length, second.stops], [1, 2, 0]);
});

test('where anything else was asked before the answer, the refusal is told: nothing is asked twice', async () => {
  for (const order of ['before', 'after'] as const) {
    const stage = await new Stage().start({ modern: true });
    const first = await stage.nursery.nth(1);
    if (order === 'before') stage.write({ id: 2, method: 'tools/list' });
    stage.write(INITIALIZE);
    if (order === 'after') stage.write({ id: 2, method: 'tools/list' });
    first.say(ONLY_MODERN);
    await settle();
    assert.deepEqual([stage.heard()[0]?.error?.code, stage.nursery.children.length], [-32022, 1]);
  }
});

test('a setting is followed without trying', async () => {
  const legacy = await new Stage().start({}, { era: 'legacy' });
  legacy.write(INITIALIZE);
  const first = await legacy.nursery.nth(1);
  assert.equal(first.take()[0]?.method, 'initialize');
  first.say(ONLY_MODERN);
  await settle();
  assert.deepEqual([legacy.heard()[0]?.error?.code, legacy.learnt], [-32022, []]);
  const modern = await new Stage().start({}, { era: 'modern' });
  modern.write(INITIALIZE);
  const only = await modern.nursery.nth(1);
  only.say({ ...REFUSED, id: only.take()[0]!.id! });
  await settle();
  assert.deepEqual([modern.heard()[0]?.error?.code, modern.nursery.children.length], [-32601, 1]);
});

test('where no second process can be had the session hears the refusal, and that the first has ended', async () => {
  const stage = await new Stage().start({ modern: true });
  const first = await stage.nursery.nth(1);
  stage.nursery.refusal = new CausewayError('limit.worker');
  stage.write(INITIALIZE);
  first.say(REFUSED);
  await settle();
  assert.deepEqual([stage.heard()[0]?.error?.code, stage.exits, first.stops], [-32601, ['exit'], 1]);
});

test('stopped at any moment, every process is stopped', async () => {
  const probe = Promise.withResolvers<boolean>();
  const stage = await new Stage().start({ probe: probe.promise });
  const first = await stage.nursery.nth(1);
  stage.write(INITIALIZE);
  first.say(REFUSED);
  const stopped = stage.child.stop();
  probe.resolve(true);
  await stopped;
  assert.deepEqual([first.stops > 0, stage.nursery.children.length, stage.heard()], [true, 1, []]);

  const late = await new Stage().start({ modern: true });
  late.write(INITIALIZE);
  (await late.nursery.nth(1)).say(REFUSED);
  // While the second is being started.
  const starting = late.nursery.start;
  const begun = Promise.withResolvers<void>();
  late.nursery.start = async (listeners) => {
    await begun.promise;
    return starting(listeners);
  };
  await settle();
  const ended = late.child.stop({ gentle: false });
  begun.resolve();
  await ended;
  for (const child of late.nursery.children) assert.ok(child.stops > 0);
});

test('a session that does not read holds the second process too', async () => {
  const stage = await new Stage().start({ modern: true });
  stage.child.pause();
  stage.write(INITIALIZE);
  (await stage.nursery.nth(1)).say(REFUSED);
  const second = await stage.nursery.nth(2);
  assert.equal(second.paused, true);
  stage.child.resume();
  assert.equal(second.paused, false);
});
