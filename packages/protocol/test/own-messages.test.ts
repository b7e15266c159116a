import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo, cancellationOf, DONE, notificationOf, rawId, readServerLine, requestOf } from '../src/index.ts';

test('messages of the bridge’s own, to the byte', () => {
  const written = [
    requestOf(1, 'roots/list', undefined),
    requestOf(2, 'a"b', '{"x":1}'),
    notificationOf('notifications/initialized'),
    notificationOf('notifications/message', '{"level":"info"}'),
    cancellationOf(3),
    cancellationOf(4, 'deadline'),
    answerTo('"é"', DONE),
    answerTo(5, '"error":{"code":-32601,"message":"no"}'),
  ];
  assert.deepEqual(written.map(String), [
    '{"jsonrpc":"2.0","id":1,"method":"roots/list"}',
    String.raw`{"jsonrpc":"2.0","id":2,"method":"a\"b","params":{"x":1}}`,
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4,"reason":"deadline"}}',
    '{"jsonrpc":"2.0","id":"é","result":{}}',
    '{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"no"}}',
  ]);
});

test('an id is told as it was written, and none as null', () => {
  for (const id of ['0', '""', '"1"', '1.0', '"\\u00e9"'])
    assert.equal(rawId(readServerLine(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`))), id);
  assert.equal(rawId(readServerLine(Buffer.from('{"jsonrpc":"2.0","method":"ping"}'))), 'null');
});
