/** What is read of a server's answer to its greeting, whatever that is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilitiesIn, readHandshake } from '../src/index.ts';

test('what a server declares is read, whatever stands beside it or in its place', () => {
  const declares = capabilitiesIn(
    '{"capabilities":{"logging":{},"tools":{"listChanged":true,"x":"\t"},"prompts":{"listChanged":1}},"a":"\t"}',
  );
  const all = [declares('logging'), declares('tools'), declares('resources'), declares('tools', 'listChanged')];
  assert.deepEqual(all, [true, true, false, true]);
  assert.equal(declares('prompts', 'listChanged'), false);
  for (const result of ['null', '7', '[]', '{}', '{"capabilities":null}', '{"capabilities":[]}', '{"capabilities":{"tools":null}}'])
    assert.equal(capabilitiesIn(result)('tools', 'listChanged'), false, result);
});

test('the revision that a server chose is read also beside what JSON does not have; where there is none it is empty', () => {
  const revision = (result: string): string | undefined =>
    readHandshake(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`))?.revision;
  assert.equal(revision('{"instructions":"a\tb","protocolVersion":"2025-06-18"}'), '2025-06-18');
  for (const result of ['null', '7', '{}', '{"protocolVersion":7}']) assert.equal(revision(result), '', result);
  assert.equal(readHandshake(Buffer.from('{"jsonrpc":"2.0","id":1,"error":{}}')), undefined);
});
