import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { BusMessage } from '../src/bus.ts';
import { Requests } from '../src/requests.ts';
import { failure } from '../src/contract/bus-parts.ts';

it('a request ends in an answer, or in why there is none', async () => {
  const ends: readonly (readonly [BusMessage['kind'], Parameters<typeof failure>[0] | undefined])[] = [
    ['data', undefined],
    ['undelivered', 'no_responders'],
    ['too_large', 'too_large'],
    ['crowded', 'timeout'],
  ];
  const requests = new Requests('inbox');
  for (const [kind, expected] of ends) {
    let address = '';
    const asked = requests.ask('s', { deadline: 10_000 }, (reply) => (address = reply));
    const message: BusMessage = { kind, subject: address, reply: undefined, data: Buffer.alloc(0) };
    assert.equal(requests.settle(message), true);
    if (expected === undefined) assert.equal(await asked, message);
    else await assert.rejects(asked, failure(expected), kind);
  }
});
