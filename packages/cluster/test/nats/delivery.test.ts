import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDelivery } from '../../src/nats/delivery.ts';

describe('what the server says of a delivery', () => {
  it('is read in both forms', () => {
    const expected = { sequence: 12, delivery: 3, stored: 1_700_000_000_000, pending: 4 };
    assert.deepEqual(readDelivery('$JS.ACK.KV_cw.consumer.1.12.3.1700000000000000000.4'), expected);
    assert.deepEqual(readDelivery('$JS.ACK._.hash.KV_cw.consumer.1.12.3.1700000000000000000.4'), expected);
    assert.deepEqual(readDelivery('$JS.ACK.domain.hash.KV_cw.consumer.1.12.3.1700000000000000000.4.random'), expected);
  });

  it('is not read into anything else', () => {
    for (const reply of ['', 'x', '$JS.ACK', '$JS.FC.KV_cw.consumer.x', '$JS.ACK.a.b.c.d.e.f.g', 'cw.er.E1.bus.q.1'])
      assert.equal(readDelivery(reply), undefined, reply);
  });
});
