/** What a server says of the others, in an order and at moments that a real one does not keep to on command. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NatsConnection } from '@nats-io/transport-node';
import { Link } from '../../src/nats/link.ts';

/** A link to a server that has said this; `say`: something new. */
function linkTo(...first: readonly string[]) {
  const nc = { info: { connect_urls: first } as object | undefined, status: async function* () {} };
  const link = new Link(nc as unknown as NatsConnection);
  const say = (...urls: readonly string[]): boolean => {
    nc.info = { connect_urls: urls };
    return link.minority;
  };
  const forget = (info: object | undefined): boolean => {
    nc.info = info;
    return link.minority;
  };
  return { link, say, forget };
}

describe('a link', () => {
  it('is in a minority while its server knows of at most half of what was ever known', () => {
    const { link, say } = linkTo('a', 'b', 'c');
    assert.ok(!link.minority);
    assert.ok(!say('a', 'b'), 'one of three is lost: two go on');
    assert.ok(say('a'));
    assert.ok(!say('a', 'c'));
    assert.ok(!say('a', 'b', 'c', 'd'));
    assert.ok(say('a', 'b'), 'two of four decide nothing');
  });

  it('alone from the beginning it is in none', () => {
    const { link, say } = linkTo('a');
    assert.ok(!link.minority);
    assert.ok(!say('a', 'b', 'c'));
  });

  it('keeps what was said while it is not connected, and takes the word of the next server', () => {
    const { link, say, forget } = linkTo('a', 'b', 'c');
    assert.ok(!link.minority);
    assert.ok(say('a'));
    assert.ok(forget(undefined));
    assert.ok(!say('b', 'c'));
  });

  it('is in none where servers tell no addresses', () => {
    const { link, forget } = linkTo('a', 'b', 'c');
    assert.ok(!link.minority);
    assert.ok(!forget({}));
  });

  it('is in none any more once a log has gone on there, by its clock and by ours: those are all that there are', () => {
    const { link, say } = linkTo('a', 'a6', 'a7', 'a8', 'b', 'c');
    assert.ok(!link.minority);
    assert.ok(say('b', 'c'), 'the server that has told four addresses is gone');
    link.goesOn(1_000_000, 3_000, 0);
    link.goesOn(1_009_000, 3_000, 2_999);
    assert.ok(link.minority, 'what had gathered comes all at once');
    link.goesOn(1_002_999, 3_000, 9_000);
    assert.ok(link.minority, 'nothing was stored for so long');
    assert.ok(say('c'));
    link.goesOn(1_009_000, 3_000, 9_000);
    assert.ok(link.minority, 'counted from the last word of the server');
    say('b', 'c');
    link.goesOn(1_010_000, 3_000, 10_000);
    link.goesOn(1_013_000, 3_000, 13_000);
    assert.ok(!link.minority);
    assert.ok(say('b'), 'from now on two are all');
    assert.ok(!say('b', 'c', 'd'));
  });

  it('says whether it was given up because nothing was heard, from its loss until it is back', async () => {
    const types = ['staleConnection', 'disconnect', 'reconnect', 'disconnect', 'reconnect'];
    const status = async function* (): AsyncGenerator<{ readonly type: string }> {
      for (const type of types) yield { type };
    };
    const link = new Link({ info: undefined, status } as unknown as NatsConnection);
    const seen: boolean[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    link.onChange(() => {
      if (seen.push(link.silent) === 4) resolve();
    });
    await promise;
    assert.deepEqual(seen, [true, true, false, false]);
  });
});
