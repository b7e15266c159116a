/** What a server with a handshake is given of a request of the stateless era: the client's bytes, without what that era adds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallHead } from '@causeway/cluster';
import { membersIn, readClientBody, readMeta } from '@causeway/protocol';
import { forLegacy } from '../../src/stateless/request.ts';

const OWN = [
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28"',
  '"io.modelcontextprotocol/clientCapabilities":{"roots":{}}',
  '"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}',
];

function given(params: string): string {
  const body = readClientBody(Buffer.from(`{"params":${params},"jsonrpc":"2.0","id":"x","method":"tools/call"}`));
  assert.ok(body.kind === 'single');
  const { frame } = body;
  const { claim } = frame;
  assert.ok(claim);
  const head = { frame } as unknown as CallHead;
  return forLegacy(
    { head, body: frame.bytes, meta: readMeta({ ...frame, claim }), params: membersIn(frame.bytes, frame.params)! },
    7,
  ).toString();
}
const told = (params: string): string => `{"params":${params},"jsonrpc":"2.0","id":7,"method":"tools/call"}`;

test('what a client says in the metadata besides the envelope comes to the byte', () => {
  const vendor = '"vendor/x":{"2":1,"1":12345678901234567890,"f":1.0,"u":"\\u00e9"}';
  const rest = '"name":"t","arguments":{"exact":1.10}';
  assert.equal(given(`{"_meta":{${OWN.join(',')},${vendor}},${rest}}`), told(`{"_meta":{${vendor}},${rest}}`));
  assert.equal(given(`{${rest},"_meta":{${vendor},${OWN.join(',')}}}`), told(`{${rest},"_meta":{${vendor}}}`));
  assert.equal(
    given(`{${rest},"_meta":{${OWN[0]},"progressToken":"p",${OWN[1]},${vendor},${OWN[2]}}}`),
    told(`{${rest},"_meta":{"progressToken":7,${vendor}}}`),
  );
});

test('of metadata that was the envelope alone nothing is left, nor of rounds, nor of a token that is none', () => {
  assert.equal(given(`{"name":"t","_meta":{${OWN.join(',')}}}`), told('{"name":"t"}'));
  assert.equal(given(`{"name":"t","_meta":{${OWN.join(',')},"progressToken":null},"inputResponses":{}}`), told('{"name":"t"}'));
  assert.equal(
    given(`{"_meta":{"progressToken":1,${OWN.join(',')}},"requestState":"s","name":"t"}`),
    told('{"_meta":{"progressToken":7},"name":"t"}'),
  );
});

test('nothing of tasks, which are not carried: the server would begin one that its client cannot ask for', () => {
  const task = '"task":{"ttl":60000}';
  assert.equal(given(`{"name":"t",${task},"_meta":{${OWN.join(',')}}}`), told('{"name":"t"}'));
  assert.equal(
    given(`{${task},"name":"t","arguments":{${task}},"_meta":{${OWN.join(',')},"vendor/x":1}}`),
    told(`{"name":"t","arguments":{${task}},"_meta":{"vendor/x":1}}`),
  );
});
