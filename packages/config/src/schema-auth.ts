/** Owns the settings of who may use the bridge: keys, a proxy that vouches, the tokens of an identity provider. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { headerName, issuerUrl, key, text } from './forms.ts';

const apiKey = z.union(
  [
    z.strictObject({
      id: text.describe('Name of the holder; stands in logs.'),
      key: key.describe('The key itself; use `${file:/run/secrets/…}`.'),
    }),
    z.strictObject({
      id: text,
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
        .describe('SHA-256 of the key.'),
    }),
  ],
  '{ id, key } or { id, sha256 }',
);

/** An address, or an address and the length of its prefix. */
function isNetwork(written: string): boolean {
  const [address = '', length] = written.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return bits >= 0 && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits));
}

/** Asymmetric ones alone: with a shared secret whoever can verify a token can make one (BAR S17). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

/** RFC 6749 appendix A.4. */
const scopes = z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'not a scope'));

const jwt = z
  .strictObject({
    issuer: issuerUrl.describe('The identity provider, exactly as its tokens name it (`iss`). https, but on this machine.'),
    audience: z
      .union([text, z.array(text).min(1, 'needs at least one')], 'text, or a list of texts')
      .transform((one) => [one].flat())
      .describe('Whom tokens are for (`aud`): this, or one of these, must be named; usually the URL of this bridge.'),
    jwks: issuerUrl
      .optional()
      .describe(
        "Where its keys are. Default: what the provider's own metadata says (`/.well-known/oauth-authorization-server` or `openid-configuration`).",
      ),
    scopes: scopes.prefault([]).describe('Scopes that every token must have; without one of them a request is refused with 403.'),
    serverScopes: z
      .record(text, scopes)
      .prefault({})
      .describe('Scopes that it must have besides for single servers: `{ git: [git.use] }`.'),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1, 'needs at least one')
      .prefault([...ALGORITHMS])
      .describe('Signatures that are accepted.'),
    type: text
      .optional()
      .describe('What the header of a token must say that it is (`typ`), e.g. `at+jwt` (RFC 9068). Default: not looked at.'),
  })
  .optional()
  .describe('Tokens of an identity provider (OAuth 2.1), accepted as `Authorization: Bearer`. Absent: none are.');

export const auth = z
  .strictObject({
    identityHeader: headerName
      .optional()
      .describe(
        'Header in which a proxy in front tells who the client is, e.g. `X-Forwarded-User`. Believed from `identityProxies` only; without it a request needs an API key.',
      ),
    identityProxies: z
      .array(text.refine(isNetwork, 'must be an address, or a network such as 10.0.0.0/8'))
      .prefault(['127.0.0.1', '::1'])
      .describe('Addresses of the proxies whose `identityHeader` is believed; networks as `10.0.0.0/8`.'),
    anonymousBy: z
      .enum(['none', 'address'])
      .prefault('none')
      .describe('Whose share of the limits clients take that nobody vouches for: none of their own, or that of their address.'),
    apiKeys: z
      .array(apiKey)
      .prefault([])
      .describe('Keys accepted as `Authorization: Bearer` or `X-API-Key`. With none, and no `jwt`, nobody is asked.'),
    jwt,
  })
  .prefault({})
  .describe('Who may use the bridge.');
