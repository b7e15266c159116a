import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Register } from '../src/index.ts';

test('whatever is set and deleted: what a map would say', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor');
  const step = fc.oneof(fc.record({ set: key, value: fc.integer() }), fc.record({ delete: key }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const register = new Register<string, number>();
      const model = new Map<string, number>();
      for (const one of steps) {
        if ('set' in one) {
          register.set(one.set, one.value);
          model.set(one.set, one.value);
        } else {
          assert.equal(register.delete(one.delete), model.delete(one.delete));
        }
        assert.equal(register.size, model.size);
        assert.deepEqual([...register.keys()], [...model.keys()]);
        assert.deepEqual([...register.values()], [...model.values()]);
        for (const name of ['a', 'b', 'c', 'd', '__proto__', 'constructor']) {
          assert.equal(register.get(name), model.get(name));
          assert.equal(register.has(name), model.has(name));
        }
      }
    }),
  );
});

test('whoever goes through the values may delete them', () => {
  const register = new Register<number, number>();
  for (const key of [1, 2, 3]) register.set(key, key);
  const seen: number[] = [];
  for (const value of register.values()) {
    seen.push(value);
    register.delete(1);
    register.delete(2);
  }
  assert.deepEqual(seen, [1, 3]);
});
