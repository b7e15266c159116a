import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { elementsOf, membersAt, membersOf, textOf, valueAt, withMembers, withoutMembers } from '../src/members.ts';
import { splice } from '../src/splice.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text);

test('members are found with the places of their values, escaped keys decoded', () => {
  const bytes = bytesOf('{ "a" : 1 , "b\\u0022" : {"c":"d"} }');
  const members = membersAt(bytes)!;
  assert.deepEqual([...members.of.keys()], ['a', 'b"']);
  assert.equal(textOf(bytes, membersOf(bytes, members, 'b"'), 'c'), 'd');
  assert.equal(textOf(bytes, members, 'a'), undefined);
  assert.equal(membersAt(bytesOf('[1]')), undefined);
});

test('what parsers would read differently has no members and no value, and throws nothing', () => {
  assert.equal(membersAt(bytesOf('{"a":1,"a":2}')), undefined);
  assert.equal(membersAt(bytesOf('{"a":')), undefined);
  const bytes = bytesOf('{"a":"\u0007","b":{"c":1,"c":2}}');
  const members = membersAt(bytes);
  assert.equal(textOf(bytes, members, 'a'), undefined);
  assert.equal(valueAt(bytes, members!.of.get('a')!), undefined);
  assert.equal(membersOf(bytes, members, 'b'), undefined);
});

test('the elements of an array are found, of anything else none', () => {
  const bytes = bytesOf('{"list":[1, {"a":2}],"other":3}');
  const members = membersAt(bytes);
  assert.equal(elementsOf(bytes, members, 'list').length, 2);
  assert.equal(elementsOf(bytes, members, 'other').length, 0);
  assert.equal(elementsOf(bytes, members, 'none').length, 0);
});

test('property: taking members out of an object is what deleting them is', () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const object = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 2 }));
  const blank = fc.constantFrom('', ' ', '\t ');
  fc.assert(
    fc.property(object, fc.subarray(keys), blank, (value, gone, space) => {
      const members = Object.entries(value).map(
        ([key, one]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(one)}${space}`,
      );
      const bytes = bytesOf(`{${space}${members.join(',')}}`);
      const left = splice(bytes, withoutMembers(bytes, membersAt(bytes)!, new Set(gone))).toString();
      const expected = Object.fromEntries(Object.entries(value).filter(([key]) => !gone.includes(key)));
      assert.deepEqual(JSON.parse(left), JSON.parse(JSON.stringify(expected)));
    }),
  );
});

test('property: adding members keeps the others', () => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 1 }));
  fc.assert(
    fc.property(object, (value) => {
      const bytes = bytesOf(JSON.stringify(value));
      const more = splice(bytes, [withMembers(membersAt(bytes)!, '"x":1,"y":{"z":2}')]).toString();
      assert.deepEqual(JSON.parse(more), { x: 1, y: { z: 2 }, ...(JSON.parse(JSON.stringify(value)) as object) });
    }),
  );
});
