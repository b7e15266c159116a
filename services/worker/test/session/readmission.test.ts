import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Permit } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { SessionHeld } from '../../src/session/deps.ts';
import type { SessionParts } from '../../src/session/parts.ts';
import { readmit, type Readmission } from '../../src/session/readmission.ts';

/** A session that is readmitted under one lease after the other; the store takes its time. */
function world() {
  const names = ['first', 'second', 'third'];
  const holding = new Map<Permit, string>();
  const words: PromiseWithResolvers<boolean>[] = [];
  const permit = (): Permit => {
    const one: Permit = { claim: { server: 's', limits: {} }, release: () => void holding.delete(one) };
    holding.set(one, names.shift()!);
    return one;
  };
  const held: SessionHeld = { permit: permit(), attempt: undefined, child: undefined, revision: '', initialize: '' };
  const confirm = (): Promise<boolean> => {
    words.push(Promise.withResolvers());
    return words.at(-1)!.promise;
  };
  const parts = { ownership: { confirm }, close: () => undefined } as unknown as SessionParts;
  const one: Readmission = { parts, deps: { admit: async () => permit() }, held, abandon: new AbortController().signal };
  return { held, holding, words, readmit: () => readmit(one) };
}

const unknown = (error: unknown): boolean => error instanceof CausewayError && error.reason === 'cluster.unavailable';

for (const order of [
  [0, 1],
  [1, 0],
] as const)
  test(`of two readmissions the later one counts, whichever hears of the store first (${order.join(', ')})`, async () => {
    const { held, holding, words, readmit: again } = world();
    const before = held.permit!;
    const outcomes = [assert.rejects(again(), unknown), again()];
    await new Promise(setImmediate);
    for (const nth of order) {
      words[nth]!.resolve(true);
      await outcomes[nth];
    }
    assert.equal(holding.get(held.permit!), 'third');
    assert.deepEqual([...holding.values()], ['first', 'third'], 'the one under the lost lease is of no account');
    assert.notEqual(held.permit, before);
  });

test('one whose lease is lost before the store has answered is in vain', async () => {
  const { held, holding, words, readmit: again } = world();
  const before = held.permit!;
  const outcome = assert.rejects(again(), unknown);
  await new Promise(setImmediate);
  held.readmission = undefined;
  words[0]!.resolve(true);
  await outcome;
  assert.equal(held.permit, before);
  assert.deepEqual([...holding.values()], ['first']);
});
