/** The contract of `SessionRecords` as tests: every implementation passes all of it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { ANONYMOUS, CausewayError, newWorkerId, type SessionToken } from '@causeway/protocol';
import { SESSION_RECORD_BYTES, type SessionRecord, type SessionRecords } from '../sessions.ts';
import { soon, type Party, type World } from './world.ts';

type MakeSessionsWorld = () => Promise<World<SessionRecords>>;
type Pair = { readonly world: World<SessionRecords>; readonly a: Party<SessionRecords>; readonly b: Party<SessionRecords> };

const newToken = (): SessionToken => randomBytes(17).toString('base64url').slice(0, 22) as SessionToken;

function record(change: Partial<SessionRecord> = {}): SessionRecord {
  const initialize = {
    params: '{"protocolVersion":"2025-11-25","big":12345678901234567890}',
    result: '{"serverInfo":{"name":"ü\\u2028"}}',
  };
  return {
    v: 1,
    server: 'files',
    identity: ANONYMOUS,
    owner: newWorkerId(),
    epoch: 1,
    revision: '2025-11-25',
    initialize,
    created: 1_700_000_000_000,
    transport: 'streamable',
    ...change,
  };
}

/** Registers the suite. */
export function sessionsContract(make: MakeSessionsWorld): void {
  const pair = (name: string, test: (pair: Pair) => Promise<void>): void =>
    void it(name, async () => {
      await using world = await make();
      const [a, b] = await Promise.all([world.join(), world.join()]);
      await test({ world, a, b });
    });
  void describe('session records', () => {
    records(pair);
    generations(pair);
    contests(pair);
    faults(pair);
  });
}

type Register = (name: string, test: (pair: Pair) => Promise<void>) => void;

function records(pair: Register): void {
  pair('what one member wrote another reads at once, to the character', async ({ a, b }) => {
    const [token, written] = [newToken(), record()];
    assert.equal(await b.part.get(token), undefined);
    assert.ok(await a.part.create(token, written));
    assert.deepEqual((await b.part.get(token))?.record, written);
    const next = { ...written, owner: newWorkerId(), epoch: 2 };
    assert.ok(await b.part.replace(token, next, (await b.part.get(token))!.revision));
    assert.deepEqual((await a.part.get(token))?.record, next);
  });

  pair('a token is taken once; the record in place stays', async ({ a, b }) => {
    const [token, first] = [newToken(), record()];
    assert.ok(await a.part.create(token, first));
    assert.equal(await b.part.create(token, record()), undefined);
    assert.equal(await a.part.create(token, first), undefined);
    assert.deepEqual((await b.part.get(token))?.record, first);
  });

  pair('a record that is written after all does not come back once it was removed', async ({ a, b }) => {
    const [late, token] = [newToken(), newToken()];
    assert.equal(await a.part.delete(late, 0), true, 'nothing stands there yet');
    assert.equal(await b.part.create(late, record()), undefined);
    assert.equal(await b.part.get(late), undefined);
    const revision = (await b.part.create(token, record()))!;
    assert.equal(await a.part.delete(token, 0), false, 'it stands there');
    assert.equal(await a.part.delete(token, revision), true);
    assert.equal(await b.part.create(token, record()), undefined);
  });

  pair('a removed record is gone for everybody, also for a claimant that had read it', async ({ a, b }) => {
    const token = newToken();
    await a.part.create(token, record());
    const stored = await b.part.get(token);
    assert.equal(await a.part.delete(token, stored!.revision + 1_000), false, 'it stands at another revision');
    assert.ok(await b.part.get(token));
    assert.equal(await a.part.delete(token, stored!.revision), true);
    assert.equal(await a.part.delete(token, stored!.revision), true);
    const lost = newToken();
    assert.equal(await a.part.delete(lost, 1), true);
    assert.equal(await b.part.wasRemoved(lost), true);
    assert.equal(await b.part.delete(newToken(), 1), true);
    assert.equal(await b.part.get(token), undefined);
    assert.equal(await b.part.wasRemoved(token), true);
    assert.equal(await b.part.wasRemoved(newToken()), false);
    assert.equal(await b.part.replace(token, record({ epoch: 2 }), stored!.revision), undefined);
    assert.equal(await b.part.get(token), undefined);
    assert.equal(await b.part.create(token, record()), undefined);
  });

  pair('a record may be as large as is said, and no larger', async ({ a, b }) => {
    const frame = JSON.stringify(record({ initialize: { params: '', result: '' } })).length;
    const sized = (bytes: number): SessionRecord => record({ initialize: { params: '', result: 'x'.repeat(bytes - frame) } });
    const token = newToken();
    assert.ok(await a.part.create(token, sized(SESSION_RECORD_BYTES)));
    assert.equal((await b.part.get(token))?.record.initialize.result.length, SESSION_RECORD_BYTES - frame);
    const tooLarge = (error: unknown): boolean => error instanceof CausewayError && error.reason === 'server.reply_too_large';
    await assert.rejects(a.part.create(newToken(), sized(SESSION_RECORD_BYTES + 1)), tooLarge);
  });
}

function generations(pair: Register): void {
  pair('the generation is one for all, and stays while nothing was lost', async ({ world, a, b }) => {
    const { id } = await a.part.look();
    const late = await world.join();
    for (const { part } of [a, b, late]) {
      for (const seen of [await part.tend(), await part.look(), await part.tend()]) assert.equal(seen.id, id);
      assert.equal(part.generation, id);
    }
    const [token, written] = [newToken(), { ...record(), generation: id }];
    await a.part.create(token, written);
    await b.part.sweep();
    assert.deepEqual((await a.part.get(token))?.record, written);
  });
}

function contests(pair: Register): void {
  pair('of many that create one token, one wins', async ({ a, b }) => {
    const token = newToken();
    const won = await Promise.all(Array.from({ length: 20 }, (_, index) => [a, b][index % 2]!.part.create(token, record())));
    assert.equal(won.filter(Boolean).length, 1);
  });

  pair('of many that claim one revision, one wins, and its record is the one that stands', async ({ a, b }) => {
    const token = newToken();
    await a.part.create(token, record());
    const { revision } = (await a.part.get(token))!;
    const claims = Array.from({ length: 20 }, () => record({ epoch: 2 }));
    const won = await Promise.all(claims.map((claim, index) => [a, b][index % 2]!.part.replace(token, claim, revision)));
    assert.equal(won.filter(Boolean).length, 1);
    assert.deepEqual((await b.part.get(token))?.record, claims[won.findIndex(Boolean)]);
    assert.equal(await a.part.replace(token, record({ epoch: 3 }), revision), undefined);
  });

  pair('the signing key is one for all, also when all ask first', async ({ world, a, b }) => {
    const keys = await Promise.all([a, b, a, b].map(({ part }) => part.signingKey()));
    const late = await world.join();
    for (const key of [...keys, await late.part.signingKey()]) {
      assert.equal(key.length, 32);
      assert.ok(key.equals(keys[0]!));
    }
  });
}

function faults(pair: Register): void {
  pair('a member that is cut off is told so, and goes on afterwards', async ({ a, b }) => {
    const token = newToken();
    await a.part.create(token, record());
    await a.cut();
    const unavailable = (error: unknown): boolean => error instanceof CausewayError && error.reason === 'cluster.unavailable';
    const refused = [
      a.part.get(token),
      a.part.create(newToken(), record()),
      a.part.replace(token, record(), 1),
      a.part.delete(token, 1),
      a.part.signingKey(),
    ];
    await soon('refusals', Promise.all(refused.map((work) => assert.rejects(work, unavailable))), 15_000);
    assert.notEqual(await b.part.get(token), undefined);
    await a.heal();
    assert.deepEqual(await a.part.get(token), await b.part.get(token));
  });
}
