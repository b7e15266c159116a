/** Owns an identity provider on loopback: keys that can be exchanged, metadata, tokens that say what a test wants, and a count of who asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JwtConfig } from '@causeway/config';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly config: JwtConfig;
  /** Requests by path. */
  readonly asked: Map<string, number>;
  /** Answers nothing but this status, until it is told 200 again. */
  failing: number;
  /** Another key, in the place of the one before. */
  rotate(): Promise<void>;
  /** A token that is right but for what is said. `at`: seconds since 1970. */
  token(
    claims?: JWTPayload,
    how?: { readonly header?: Record<string, unknown>; readonly at?: number; readonly key?: CryptoKey },
  ): Promise<string>;
}

/** `metadata`: the document that it has, of OAuth or of OpenID Connect. With a client's credentials (`POST /token`) anybody has a token, of the name of the client. */
export async function openIdentityProvider({
  metadata = 'openid',
}: { readonly metadata?: 'oauth' | 'openid' } = {}): Promise<IdentityProvider> {
  const asked = new Map<string, number>();
  let named = 0;
  let pair = await generateKeyPair('ES256');
  const server = createServer((req, res) => {
    const path = req.url ?? '';
    asked.set(path, (asked.get(path) ?? 0) + 1);
    void answer(path, req).then((body) => {
      const status = body === undefined ? 404 : 200;
      res.writeHead(provider.failing === 200 ? status : provider.failing, { 'content-type': 'application/json', location: '/keys' });
      res.end(JSON.stringify(body ?? {}));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `${origin}/realm`;
  const places = { oauth: '/.well-known/oauth-authorization-server/realm', openid: '/realm/.well-known/openid-configuration' };
  const answer = async (path: string, req: IncomingMessage): Promise<unknown> => {
    if (path === '/keys') return { keys: [{ ...(await exportJWK(pair.publicKey)), kid: `key-${named}`, alg: 'ES256' }] };
    if (path === '/token') return grant(await text(req), req.headers.authorization);
    if (path !== places[metadata]) return undefined;
    const endpoints = { authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` };
    return {
      issuer,
      jwks_uri: `${origin}/keys`,
      ...endpoints,
      response_types_supported: ['code'],
      grant_types_supported: ['client_credentials'],
    };
  };
  const grant = async (form: string, authorization = ''): Promise<unknown> => {
    const [client = ''] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':');
    const scope = new URLSearchParams(form).get('scope') ?? '';
    return { access_token: await provider.token({ sub: client, scope }), token_type: 'Bearer', expires_in: 300, scope };
  };
  const provider: IdentityProvider = {
    issuer,
    config: { issuer, audience: ['https://mcp.example'], scopes: [], serverScopes: {}, algorithms: ['ES256', 'RS256'] },
    asked,
    failing: 200,
    async rotate() {
      named += 1;
      pair = await generateKeyPair('ES256');
    },
    async token(claims = {}, { header = {}, at = Math.floor(Date.now() / 1000), key = pair.privateKey } = {}) {
      const payload = { iss: issuer, sub: 'ann', aud: 'https://mcp.example', iat: at, exp: at + 300, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: `key-${named}`, ...header }).sign(key);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return provider;
}
