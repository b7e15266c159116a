import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedRequest } from '../src/index.ts';

const read = (text: string): string | undefined => refusedRequest(Buffer.from(text));

test('the id of a request is found in the beginning of its body, to the byte', () => {
  for (const id of ['1', '0', '-1.50', '9007199254740993', '"a"', '""', String.raw`"\u0041\""`]) {
    assert.equal(read(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"e`), id);
    assert.equal(read(` {"method":"ping", "id" : ${id} , "jsonrpc":"2.0"}`), id);
  }
  assert.equal(read('{"id":1,"params":{"text":"'), '1', 'only requests have params and an id');
});

test('what is no request, or not yet known to be one, has none', () => {
  for (const text of [
    '',
    'nonsense',
    '[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":1',
    '{"jsonrpc":"2.0","id":1,"meth',
    '{"jsonrpc":"2.0","method":"ping","id":12',
    '{"jsonrpc":"2.0","method":"ping","id":"ab',
    '{"jsonrpc":"2.0","method":"ping","id":null}',
    '{"jsonrpc":"2.0","method":"ping","id":{"a":1}}',
    `{"jsonrpc":"2.0","method":"ping","id":"${'a'.repeat(5000)}"}`,
    '{"jsonrpc":"2.0","id":1,"result":{"text":"',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}',
  ])
    assert.equal(read(text), undefined, text);
  assert.equal(refusedRequest(Buffer.from('{"method":"ping","id":"\xff"}', 'latin1')), undefined, 'no UTF-8');
});
