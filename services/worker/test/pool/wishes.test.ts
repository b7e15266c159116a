import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Wishes } from '../../src/pool/wishes.ts';

test('what somebody comes to want, or wants no more, is what a look at all of them would find', () => {
  const uris = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')).map((list) => new Set(list));
  const step = fc.record({ who: fc.nat(3), uris: fc.option(uris) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const wishes = new Wishes<number>();
      const model = new Map<number, Set<string>>();
      const all = (): Set<string> => new Set([...model.values()].flatMap((wanted) => [...wanted]));
      for (const one of steps) {
        const before = all();
        if (one.uris === null) {
          model.delete(one.who);
          assert.deepEqual(wishes.delete(one.who), before.difference(all()));
        } else {
          model.set(one.who, one.uris);
          const { added, gone } = wishes.set(one.who, one.uris);
          assert.deepEqual([added, gone], [all().difference(before), before.difference(all())]);
        }
        assert.equal(wishes.has(one.who), model.has(one.who));
      }
      const ab = new Set(['a', 'b']);
      assert.deepEqual(new Set(wishes.of(ab)), new Set([...model].filter(([, wanted]) => !wanted.isDisjointFrom(ab)).map(([who]) => who)));
      assert.deepEqual(wishes.clear(), all());
      assert.ok(!wishes.has(0) && wishes.clear().size === 0);
    }),
  );
});
