/** What is known of the eras of servers: where from, in which order, and how it is corrected. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoundEra, NewRecord } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import { createBreaker } from '../../src/child/breaker.ts';
import { openEras } from '../../src/era/eras.ts';
import { fingerprintOf } from '../../src/era/fingerprint.ts';
import { Nursery, server } from './scripted-child.ts';

const MODERN = { id: 1, result: { supportedVersions: ['2026-07-28'] } };
const REFUSED = { id: 1, error: { code: -32601, message: 'no such method' } };
const served = { default: false, recovery: 'restart' } as const;

function setting() {
  const time = fakeTime();
  const nursery = new Nursery();
  const others: { servers: NewRecord['servers'] }[] = [];
  const written: NewRecord['servers'][] = [];
  /** As they are defined; `other` is of no concern here. */
  const defined = { git: server(), other: server({ name: 'other' }) };
  const servers = { served: { git: served, other: served }, get: (name: string) => defined[name as keyof typeof defined] };
  const breaker = createBreaker({ now: () => time.clock.monotonic(), random: () => 0 });
  const eras = openEras({
    ...{ wheel: time.wheel, log: silentLog(), servers },
    start: (_, listeners) => nursery.start(listeners),
    attempt: (name) => breaker.attempt(name),
    others: () => others,
    update: ({ servers }) => void written.push(servers),
  });
  const say = (era: FoundEra): void => void others.push({ servers: { git: { ...served, era } } });
  return { time, nursery, say, written, breaker, eras, defined };
}

const fingerprint = fingerprintOf(server());

test('where nothing is known a sibling is asked, once for all who ask meanwhile, and the finding is remembered and written', async () => {
  const { eras, nursery, written } = setting();
  const asked = [eras.modern(server()), eras.modern(server()), eras.modern(server())];
  (await nursery.nth(1)).say(MODERN);
  assert.deepEqual(await Promise.all(asked), [true, true, true]);
  assert.equal(await eras.modern(server()), true);
  assert.equal(nursery.children.length, 1);
  assert.equal(nursery.children[0]!.stops, 1);
  assert.equal(eras.legacy(server()), undefined, 'whether it accepts initialize is another question');
  assert.deepEqual(written, [{ git: { ...served, era: { fingerprint, modern: true } }, other: served }]);
});

test('the setting is believed, nobody is asked and nothing is written', async () => {
  const { eras, nursery, say, written } = setting();
  say({ fingerprint, modern: false, legacy: true });
  const modern = server({ era: 'modern' });
  const legacy = server({ era: 'legacy' });
  eras.learn(modern, { modern: false, legacy: true });
  assert.deepEqual([await eras.modern(modern), eras.legacy(modern)], [true, false]);
  assert.deepEqual([await eras.modern(legacy), eras.legacy(legacy)], [false, true]);
  assert.deepEqual([nursery.children.length, written.length], [0, 0]);
});

test('another worker is believed under the same fingerprint, a yes before a no, and after own findings', async () => {
  const { eras, nursery, say } = setting();
  say({ fingerprint: 'of another command', modern: true, legacy: true });
  assert.equal(eras.legacy(server()), undefined);
  say({ fingerprint, modern: false, legacy: false });
  assert.deepEqual([await eras.modern(server()), eras.legacy(server())], [false, false]);
  say({ fingerprint, modern: true });
  assert.equal(await eras.modern(server()), true);
  eras.learn(server(), { modern: false, legacy: true });
  assert.deepEqual([await eras.modern(server()), eras.legacy(server())], [false, true]);
  assert.equal(nursery.children.length, 0);
});

test('a finding stays with a definition of the same command, and says nothing of another command', async () => {
  const { eras, nursery, written, defined } = setting();
  eras.learn(defined.git, { modern: true });
  defined.git = server({ idle: 1 });
  eras.replaced();
  assert.equal(await eras.modern(defined.git), true);
  const before = defined.git;
  defined.git = server({ args: ['--other'] });
  eras.replaced();
  assert.deepEqual(written.at(-1), { git: served, other: served });
  eras.learn(before, { modern: true });
  assert.deepEqual(written.at(-1), { git: served, other: served }, 'what the old one proves is not said of the new');
  const asked = eras.modern(defined.git);
  (await nursery.nth(1)).say(REFUSED);
  assert.equal(await asked, false);
});

test('a wrong verdict is corrected by what the server proves', async () => {
  const { eras, written } = setting();
  eras.learn(server(), { modern: true, legacy: false });
  eras.learn(server(), { modern: true });
  assert.equal(written.length, 1, 'what is known already is not written again');
  eras.learn(server(), { legacy: true });
  assert.equal(eras.legacy(server()), true);
  assert.deepEqual(written.at(-1), { git: { ...served, era: { fingerprint, modern: true, legacy: true } }, other: served });
});

test('one that would speak neither era is found out anew, whatever was said of it', async () => {
  const { eras, nursery, say, written } = setting();
  say({ fingerprint, modern: false });
  eras.learn(server(), { legacy: false });
  assert.deepEqual(written.at(-1)?.['git']?.era, { fingerprint, legacy: false }, 'the finding of the other is not believed any more');
  const asked = eras.modern(server());
  (await nursery.nth(1)).say(MODERN);
  assert.equal(await asked, true);
  assert.equal(eras.legacy(server()), false);
  eras.learn(server(), { modern: false });
  assert.equal(eras.legacy(server()), undefined);
});

test('a start that the machine refuses is no verdict, and is tried again', async () => {
  const { eras, nursery, breaker } = setting();
  nursery.refusal = new CausewayError('limit.worker');
  await assert.rejects(eras.modern(server()), { reason: 'limit.worker' });
  nursery.refusal = undefined;
  for (let failure = 0; failure < 5; failure++) breaker.attempt('git').failed();
  await assert.rejects(eras.modern(server()), { reason: 'server.crash_loop' });
  assert.equal(nursery.children.length, 0);
  const asked = eras.modern(server({ name: 'other' }));
  (await nursery.nth(1)).say(REFUSED);
  assert.equal(await asked, false);
});

test('that a sibling answers what it is asked takes no failed start back, unless it greets as its era does', async () => {
  for (const [answer, open] of [
    [REFUSED, true],
    [MODERN, false],
  ] as const) {
    const { breaker, eras, nursery } = setting();
    for (let failure = 0; failure < 4; failure++) breaker.attempt('git').failed();
    const asked = eras.modern(server());
    (await nursery.nth(1)).say(answer);
    await asked;
    breaker.attempt('git').failed();
    assert.equal(breaker.isOpen('git'), open);
  }
});

test('who gives up waiting does not end the probe of the others; the end of the worker does', async () => {
  const { eras, nursery } = setting();
  const gone = new AbortController();
  const asked = eras.modern(server(), gone.signal);
  const waiting = eras.modern(server());
  const sibling = await nursery.nth(1);
  gone.abort(new Error('the client left'));
  await assert.rejects(asked, /the client left/);
  assert.equal(sibling.stops, 0);
  const ended = assert.rejects(waiting, { reason: 'cluster.draining' });
  await eras[Symbol.asyncDispose]();
  await ended;
  assert.equal(sibling.stops, 1);
  await assert.rejects(eras.modern(server()), { reason: 'cluster.draining' });
});

test('the fingerprint tells commands apart and no value of a variable', () => {
  const same: Partial<ServerConfig>[] = [{ env: { B: '1', A: '2' } }, { env: { A: 'x', B: 'y' }, requestTimeout: 1 }];
  const [first, second] = same.map((more) => fingerprintOf(server(more)));
  assert.equal(first, second);
  const others: Partial<ServerConfig>[] = [
    { command: 'x' },
    { args: ['a'] },
    { env: { A: '' } },
    { cwd: '/' },
    { shell: true },
    { passEnvironment: ['A'] },
    { args: ['', 'a'] },
  ];
  assert.equal(new Set([fingerprint, ...others.map((more) => fingerprintOf(server(more)))]).size, others.length + 1);
  assert.match(fingerprint, /^[A-Za-z0-9_-]{20}$/);
});
