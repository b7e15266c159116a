/** `localhost` is two addresses: a bridge that has one of them alone does not start. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';
import { otherHalf, refuseHalf } from '../../src/http/localhost.ts';

async function holding(address: string, port = 0): Promise<Server & AsyncDisposable> {
  const server = createServer();
  await once(server.listen(port, address), 'listening');
  return server;
}

const at = (server: Server): AddressInfo => server.address() as AddressInfo;
/** Linux has all of 127.0.0.0/8. */
const SECOND = '127.0.0.2';
const skip = process.platform !== 'linux' && 'one IPv4 address on loopback';

test('a port that another program has on the second address is in use', { skip }, async () => {
  await using ours = await holding('127.0.0.1');
  await using other = await holding(SECOND, at(ours).port);
  void other;
  await assert.rejects(refuseHalf(at(ours).port, [SECOND]), { code: 'EADDRINUSE', address: SECOND });
});

test('one that is free, or whose address is not there, or that is ours, is no matter', { skip }, async () => {
  await using ours = await holding('127.0.0.1');
  assert.ok(!(await otherHalf([at(ours)])).includes('127.0.0.1'));
  // An address for documentation: nobody's.
  await refuseHalf(at(ours).port, ['192.0.2.1', '127.0.0.3']);
});
