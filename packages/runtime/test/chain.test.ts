import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Chain, type Link } from '../src/index.ts';

test('whatever is added and removed: the order of coming, as a set would have it', () => {
  const step = fc.oneof(fc.record({ add: fc.integer() }), fc.record({ addFirst: fc.integer() }), fc.record({ remove: fc.nat(30) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const chain = new Chain<number>();
      let model = new Set<Link<number>>();
      const links: Link<number>[] = [];
      for (const one of steps) {
        if ('add' in one) {
          const link = chain.add(one.add);
          links.push(link);
          model.add(link);
        } else if ('addFirst' in one) {
          const link = chain.addFirst(one.addFirst);
          links.push(link);
          model = new Set([link, ...model]);
        } else {
          const link = links[one.remove];
          if (link) assert.equal(chain.remove(link), model.delete(link));
        }
        assert.equal(chain.size, model.size);
        assert.deepEqual(
          [...chain],
          [...model].map(({ value }) => value),
        );
        assert.equal(chain.first, model.values().next().value);
        assert.equal(chain.last, [...model].at(-1));
      }
    }),
  );
});

test('the one in hand may be removed on the way, and others added', () => {
  const chain = new Chain<number>();
  const links = new Map([1, 2, 3].map((value) => [value, chain.add(value)] as const));
  const seen: number[] = [];
  for (const value of chain) {
    seen.push(value);
    chain.remove(links.get(value)!);
    if (value === 2) links.set(4, chain.add(4));
  }
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(chain.size, 0);
});

test('the link of one chain removes nothing from another', () => {
  const [one, other] = [new Chain<string>(), new Chain<string>()];
  const link = one.add('a');
  other.add('b');
  assert.equal(other.remove(link), false);
  assert.deepEqual([...one, ...other], ['a', 'b']);
});
