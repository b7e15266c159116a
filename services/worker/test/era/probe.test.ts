/** The verdict over a server: real processes, each of which answers in one way; and scripted ones where time matters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { createWheel, fakeTime } from '@causeway/runtime';
import type { Child } from '../../src/child/child.ts';
import { startChild } from '../../src/child/start.ts';
import { probeEra, SILENCE, type ProbeOutcome } from '../../src/era/probe.ts';
import { groupMembers, MemoryLog } from '../child/support.ts';
import { Nursery, server } from './scripted-child.ts';

const never = new AbortController().signal;

/** A server that answers `server/discover` with the members that this expression of `message` makes. */
const answering = (members: string): string =>
  `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
     const message = JSON.parse(line);
     if (message.method !== 'server/discover') process.exit(3);
     console.log(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...(${members}) }));
   });`;

const outcomes: readonly (readonly [what: string, script: string, outcome: ProbeOutcome])[] = [
  ['a discovery that lists the revision', answering(`{ result: { resultType: 'complete', supportedVersions: ['2026-07-28'] } }`), 'modern'],
  [
    'a refusal of the version that lists the revision',
    answering(`{ error: { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } } }`),
    'modern',
  ],
  ['a discovery of other revisions', answering(`{ result: { supportedVersions: ['2025-11-25', '2027-01-01'] } }`), 'refused'],
  [
    'a refusal that lists other revisions',
    answering(`{ error: { code: -32022, message: 'no', data: { supported: ['2025-11-25'] } } }`),
    'refused',
  ],
  [
    'an error of another code with a list',
    answering(`{ error: { code: -32600, message: 'no', data: { supported: ['2026-07-28'] } } }`),
    'refused',
  ],
  ['an unknown method', answering(`{ error: { code: -32601, message: 'no' } }`), 'refused'],
  ['a result that is no object', answering(`{ result: null }`), 'refused'],
  ['an answer that is no JSON-RPC', `process.stdin.once('data', () => console.log('{"id":1,"result":{}}'))`, 'refused'],
  ['an end', `process.stdin.once('data', () => process.exit(1))`, 'ended'],
  [
    'words before the answer, and somebody else’s answer',
    `console.log('hello'); console.log('{"jsonrpc":"2.0","id":7,"result":{"supportedVersions":["2026-07-28"]}}'); ${answering(`{ error: { code: 1, message: '' } }`)}`,
    'refused',
  ],
  [
    'the whole envelope',
    answering(
      `Object.keys(message.params._meta).length === 3 && message.params._meta['io.modelcontextprotocol/protocolVersion'] === '2026-07-28'
         ? { result: { supportedVersions: ['2026-07-28'] } } : { error: { code: 1, message: '' } }`,
    ),
    'modern',
  ],
];

for (const [what, script, outcome] of outcomes) {
  test(`${what}: ${outcome}, and the sibling is gone`, async () => {
    using wheel = createWheel();
    let sibling: Child | undefined;
    const found = await probeEra(server(), {
      ...{ wheel, signal: never },
      start: async (_server, listeners) => {
        const command = { command: process.execPath, args: ['-e', script], env: {} };
        sibling = await startChild({ log: new MemoryLog(), mark: 'probe' }, command, listeners);
        return sibling;
      },
    });
    assert.equal(found, outcome);
    assert.deepEqual(groupMembers(sibling!.pid), []);
    assert.equal(wheel.size, 0);
  });
}

test('silence is a verdict after five seconds from the start, not earlier, and the sibling is stopped', async () => {
  const { wheel, advance } = fakeTime();
  const nursery = new Nursery();
  const found = probeEra(server({ startTimeout: 120_000 }), { wheel, signal: never, start: (_, listeners) => nursery.start(listeners) });
  const sibling = await nursery.nth(1);
  advance(SILENCE - 1);
  assert.equal(SILENCE, 5_000);
  assert.equal(sibling.stops, 0);
  advance(1);
  assert.equal(await found, 'silent');
  assert.equal(sibling.stops, 1);
});

test('a sibling that cannot be started is no verdict', async () => {
  const { wheel } = fakeTime();
  const nursery = new Nursery();
  nursery.refusal = new CausewayError('limit.worker');
  await assert.rejects(probeEra(server(), { wheel, signal: never, start: (_, listeners) => nursery.start(listeners) }), nursery.refusal);
});

test('given up, the probe stops its sibling and rejects with the reason', async () => {
  const { wheel } = fakeTime();
  const nursery = new Nursery();
  const given = new AbortController();
  const found = probeEra(server(), { wheel, signal: given.signal, start: (_, listeners) => nursery.start(listeners) });
  const sibling = await nursery.nth(1);
  given.abort(new CausewayError('cluster.draining'));
  await assert.rejects(found, { reason: 'cluster.draining' });
  assert.equal(sibling.stops, 1);
  assert.equal(wheel.size, 0);
});
