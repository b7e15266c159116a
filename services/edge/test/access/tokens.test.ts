import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { JwtConfig } from '@causeway/config';
import { fakeTime, silentLog, type FakeTime } from '@causeway/runtime';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { Tokens } from '../../src/access/tokens.ts';
import { openIdentityProvider, type IdentityProvider } from '../identity-provider.ts';

describe('tokens of an identity provider', () => {
  let provider: IdentityProvider;
  let time: FakeTime;
  /** Seconds since 1970, of the clock that the tokens are judged by. */
  const now = (): number => Math.floor(time.clock.now() / 1000);
  const tokens = (more: Partial<JwtConfig> = {}): Tokens =>
    new Tokens({ ...provider.config, ...more }, { clock: time.clock, log: silentLog() });
  const fresh = (claims = {}, header = {}): Promise<string> => provider.token(claims, { at: now(), header });

  before(async () => void (provider = await openIdentityProvider()));
  after(() => provider[Symbol.asyncDispose]());
  beforeEach(() => {
    time = fakeTime(Date.now());
    provider.asked.clear();
    provider.failing = 200;
  });

  it('one that is right says who, for what and for how long; the keys are found by the metadata', async () => {
    const verified = await tokens().verify(await fresh({ scope: 'a b' }));
    assert.deepEqual(verified, { subject: 'ann', scopes: new Set(['a', 'b']), until: (now() + 330) * 1000 });
    assert.deepEqual(
      [...provider.asked],
      [
        ['/.well-known/oauth-authorization-server/realm', 1],
        ['/realm/.well-known/openid-configuration', 1],
        ['/keys', 1],
      ],
    );
  });

  it('scopes may be written as a list, and as `scp`', async () => {
    const looking = tokens();
    for (const claims of [{ scp: ['a', 'b'] }, { scp: 'a b' }, { scope: ['a', 'b'] }])
      assert.deepEqual((await looking.verify(await fresh(claims))).scopes, new Set(['a', 'b']));
  });

  for (const [what, claims, header, text] of [
    ['another issuer', { iss: 'https://evil.example' }, {}, /its issuer is not http/],
    ['another audience', { aud: 'https://other.example' }, {}, /for somebody else/],
    ['no audience', { aud: undefined }, {}, /lacks "aud"/],
    ['no end', { exp: undefined }, {}, /lacks "exp"/],
    ['nobody', { sub: undefined }, {}, /lacks "sub"/],
    ['an empty name', { sub: '' }, {}, /names nobody/],
    ['no key', {}, { kid: undefined }, /does not name its key/],
    ['an unknown key', {}, { kid: 'other' }, /has no such key/],
  ] as const)
    it(`one with ${what} is refused, and told why`, async () => {
      await assert.rejects(
        async () => tokens().verify(await fresh(claims, header)),
        (error: Error & { reason?: string }) => {
          assert.equal(error.reason, 'request.unauthorized');
          assert.match(error.message, text);
          return true;
        },
      );
    });

  it('one of another time is refused; half a minute is forgiven', async () => {
    const looking = tokens();
    await looking.verify(await fresh({ exp: now() - 29 }));
    await looking.verify(await fresh({ nbf: now() + 29 }));
    await assert.rejects(async () => looking.verify(await fresh({ exp: now() - 31 })), { message: /has expired/ });
    await assert.rejects(async () => looking.verify(await fresh({ nbf: now() + 31 })), { message: /not valid yet/ });
  });

  it('one that nobody signed, that somebody else signed, or with a secret in place of a key, is refused', async () => {
    const looking = tokens();
    const unsigned = new UnsecuredJWT({ sub: 'ann' })
      .setIssuer(provider.issuer)
      .setAudience('https://mcp.example')
      .setExpirationTime('1h')
      .encode();
    const foreign = await provider.token({}, { at: now(), key: (await generateKeyPair('ES256')).privateKey });
    const secret = await new SignJWT({ sub: 'ann', iss: provider.issuer, aud: 'https://mcp.example' })
      .setProtectedHeader({ alg: 'HS256', kid: 'key-0' })
      .setExpirationTime('1h')
      .sign(Buffer.alloc(32, 1));
    const changed = (await fresh()).replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"bob"}').toString('base64url')}.`);
    for (const token of [unsigned, foreign, secret, changed, 'nonsense', 'a.b.c', `${await fresh()}x`])
      await assert.rejects(async () => looking.verify(token), { reason: 'request.unauthorized' }, token);
  });

  it('what it says that it is must be what was configured', async () => {
    const strict = tokens({ type: 'at+jwt' });
    await strict.verify(await fresh({}, { typ: 'at+jwt' }));
    for (const typ of ['JWT', undefined])
      await assert.rejects(async () => strict.verify(await fresh({}, { typ })), { reason: 'request.unauthorized' });
  });

  it('a look is good for half a minute, and never for longer than the token says', async () => {
    const looking = tokens();
    const token = await fresh({ exp: now() - 10 });
    await looking.verify(token);
    assert.ok(!(looking.verify(token) instanceof Promise));
    time.advance(21_000);
    await assert.rejects(async () => looking.verify(token), { message: /has expired/ });
    const long = await fresh();
    await looking.verify(long);
    time.advance(31_000);
    assert.ok(looking.verify(long) instanceof Promise);
  });

  it('keys are exchanged without a restart: the old ones are worth nothing a minute later', async () => {
    const looking = tokens();
    const old = await fresh();
    await looking.verify(old);
    await provider.rotate();
    time.advance(59_000);
    await assert.rejects(async () => looking.verify(old), { reason: 'request.unauthorized' });
    assert.equal((await looking.verify(await fresh())).subject, 'ann');
  });

  it('tokens of unknown keys, however many, have the provider asked once', async () => {
    const looking = tokens();
    await looking.verify(await fresh());
    const flood = await Promise.all(Array.from({ length: 50 }, (_, at) => fresh({}, { kid: `made-up-${at}` })));
    for (const token of flood) await assert.rejects(async () => looking.verify(token), { reason: 'request.unauthorized' });
    await Promise.allSettled(flood.map(async (token) => looking.verify(token)));
    assert.equal(provider.asked.get('/keys'), 1);
  });

  it('while the provider is away its keys are used for an hour; one that was never there is asked again in a moment', async () => {
    const looking = tokens();
    await looking.verify(await fresh());
    provider.failing = 503;
    time.advance(59 * 60_000);
    assert.equal((await looking.verify(await fresh())).subject, 'ann');
    time.advance(2 * 60_000);
    await assert.rejects(async () => looking.verify(await fresh()), { reason: 'cluster.issuer_unavailable' });
    const new_ = tokens();
    provider.asked.clear();
    for (let round = 0; round < 10; round++)
      await assert.rejects(async () => new_.verify(await fresh()), { reason: 'cluster.issuer_unavailable' });
    assert.equal(
      [...provider.asked.values()].reduce((sum, times) => sum + times, 0),
      2,
      'both places of the metadata, once',
    );
    provider.failing = 200;
    time.advance(2_001);
    assert.equal((await new_.verify(await fresh())).subject, 'ann');
    assert.equal((await looking.verify(await fresh())).subject, 'ann');
  });

  it('no redirect is followed', async () => {
    provider.failing = 302;
    await assert.rejects(async () => tokens({ jwks: `${new URL(provider.issuer).origin}/moved` }).verify(await fresh()), {
      reason: 'cluster.issuer_unavailable',
    });
    assert.deepEqual([...provider.asked], [['/moved', 1]]);
  });
});
