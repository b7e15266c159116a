/**
 * Tokens of an identity provider: who is let in, what a client that is not is told, how it gets one by that (the official SDKs do it by
 * themselves), whose a session is, and what becomes of streams whose client nobody vouches for any more.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ClientCredentialsProvider as EarlierProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as EarlierTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { openIdentityProvider, type IdentityProvider } from '@causeway/edge/identity-provider';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openStream, post, textOf, toolCall } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const bearer = (token: string): { readonly authorization: string } => ({ authorization: `Bearer ${token}` });

describe('tokens', () => {
  const stack = new AsyncDisposableStack();
  let provider: IdentityProvider;
  let bridge: Causeway;
  let url: string;

  before(async () => {
    provider = stack.use(await openIdentityProvider({ metadata: 'oauth' }));
    const { issuer } = provider;
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile(), guarded: hostile({}, { default: true }) },
        config: {
          auth: {
            apiKeys: [{ id: 'a', key: 'a-key-of-its-own' }],
            jwt: { issuer, audience: 'https://mcp.example', scopes: ['mcp'], serverScopes: { guarded: ['guarded.use'] } },
          },
        },
      }),
    );
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  const metadataOf = (challenge: string): string => /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? assert.fail(challenge);

  it('a client without one is told where to ask what it needs', async () => {
    const answer = await post(url, list);
    assertRefused(answer, { status: 401, code: -32000, reason: 'request.unauthorized' });
    const challenge = answer.headers.get('www-authenticate') ?? '';
    assert.doesNotMatch(challenge, /error=/);
    assert.match(challenge, /^Bearer realm="causeway".* scope="mcp"$/);
    const metadata = await (await fetch(metadataOf(challenge))).json();
    assert.deepEqual(metadata, {
      resource: url,
      authorization_servers: [provider.issuer],
      bearer_methods_supported: ['header'],
      scopes_supported: ['mcp'],
      resource_name: 'Causeway',
    });
  });

  it('one that is not accepted is told why', async () => {
    const answer = await post(url, list, bearer(await provider.token({ aud: 'https://other.example', scope: 'mcp' })));
    const { message } = assertRefused(answer, { status: 401, code: -32000, reason: 'request.unauthorized' });
    assert.match(message, /for somebody else/);
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token", error_description="The token is not accepted: /);
  });

  it('all scopes that a server needs are told at once', async () => {
    const answer = await post(bridge.url('guarded'), list, bearer(await provider.token({ scope: 'mcp' })));
    const { data } = assertRefused(answer, { status: 403, code: -32000, reason: 'request.scope' });
    assert.equal((data as { scope?: string }).scope, 'mcp guarded.use');
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="insufficient_scope".*scope="mcp guarded\.use"$/);
    await hello(bridge.url('guarded'), '2025-11-25', bearer(await provider.token({ scope: 'guarded.use mcp' })));
  });

  it('so they are where the path does not name it: at the address of the default server', async () => {
    const root = `${bridge.base}/mcp`;
    const bare = (await post(root, list)).headers.get('www-authenticate') ?? '';
    assert.match(bare, / scope="mcp guarded\.use"$/);
    const { scopes_supported: scopes } = (await (await fetch(metadataOf(bare))).json()) as { readonly scopes_supported?: unknown };
    assert.deepEqual(scopes, ['mcp', 'guarded.use']);
    const short = await post(root, list, bearer(await provider.token({ scope: 'mcp' })));
    assert.equal(short.status, 403);
    assert.match(short.headers.get('www-authenticate') ?? '', /error="insufficient_scope".*scope="mcp guarded\.use"$/);
  });

  it('a session is of whom the token names: a newer token goes on with it, that of another client finds nothing', async () => {
    const { headers } = await hello(url, '2025-11-25', bearer(await provider.token({ scope: 'mcp' })));
    const newer = bearer(await provider.token({ scope: 'mcp', jti: 'newer' }));
    assert.equal((await post(url, list, { ...headers, ...newer })).status, 200);
    const bob = bearer(await provider.token({ sub: 'bob', scope: 'mcp' }));
    assert.equal((await post(url, list, { ...headers, ...bob })).status, 404);
    assert.equal((await post(url, list, { 'mcp-session-id': headers['mcp-session-id']! })).status, 401);
    assert.equal((await post(url, list, { ...headers, ...newer })).status, 200);
  });

  it('an API key is one as before, and needs no scopes', async () => {
    await hello(bridge.url('guarded'), '2025-11-25', { 'x-api-key': 'a-key-of-its-own' });
  });

  it('a token in the query is none', async () => {
    const answer = await post(`${url}?access_token=${await provider.token({ scope: 'mcp' })}`, list);
    assert.equal(answer.status, 401);
  });

  it('a large body of a client that has to be looked at comes whole', async () => {
    const { headers } = await hello(url, '2025-11-25', bearer(await provider.token({ scope: 'mcp' })));
    const unseen = bearer(await provider.token({ scope: 'mcp', jti: 'large' }));
    const answer = await post(url, toolCall(1, 'echo', { text: 'x'.repeat(1_000_000) }), { ...headers, ...unseen });
    assert.equal(answer.status, 200);
    assert.ok(answer.text.length > 1_000_000);
  });

  it('streams end when the token does, and half a minute; what a call has to tell comes all the same', async () => {
    const ending = (): Promise<string> => provider.token({ scope: 'mcp', exp: Math.floor(Date.now() / 1000) - 28 });
    const { headers } = await hello(url, '2025-11-25', bearer(await ending()));
    const call = post(url, toolCall(1, 'sleep', { ms: 4_000 }), headers);
    const stream = await openStream(url, { headers });
    const legacy = await openStream(bridge.url('hostile', 'sse'), { headers: bearer(await ending()) });
    await within(4_000, 'the end of both streams', Promise.all([stream.ended, legacy.ended]));
    assert.equal(textOf((await call).messages.at(-1)), 'slept');
    assert.equal((await post(url, list, headers)).status, 401);
    assert.equal((await post(url, list, { ...headers, ...bearer(await provider.token({ scope: 'mcp' })) })).status, 200);
  });

  it('the official SDKs get themselves a token by what they are told', async () => {
    const credentials = { clientId: 'robot', clientSecret: 'secret', scope: 'mcp', expectedIssuer: provider.issuer };
    const [client, earlier] = [new Client({ name: 'robot', version: '1' }), new EarlierClient({ name: 'robot', version: '1' })];
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: new ClientCredentialsProvider(credentials) }));
    await earlier.connect(new EarlierTransport(new URL(url), { authProvider: new EarlierProvider(credentials) }));
    for (const one of [client, earlier]) {
      assert.ok((await one.listTools()).tools.length > 0);
      await one.close();
    }
  });

  it('no token reaches the log', () => {
    const output = bridge.stdout() + bridge.stderr();
    assert.doesNotMatch(output, /eyJ/);
  });
});
