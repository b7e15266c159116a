/** Owns the settings of the message bus: where NATS is, and how to log in. */
import { z } from 'zod';
import { count, natsServer, OWN_NATS, text } from './forms.ts';

const tls = z
  .strictObject({
    caFile: text
      .optional()
      .describe('PEM file of the authorities that may have signed the certificates of the servers. Default: those that Node knows.'),
    certFile: text.optional().describe('PEM file: a certificate to show to the servers.'),
    keyFile: text.optional().describe('PEM file: its private key.'),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    path: ['keyFile'],
    error: 'certFile and keyFile go together',
  })
  .optional()
  .describe('TLS to the servers. Written at all, `{}` too, it is demanded, as by a `tls://` address; else it is up to the server.');

export const nats = z
  .strictObject({
    servers: z
      .array(natsServer)
      .min(1, 'needs at least one server')
      .describe(
        'NATS servers: `nats://host:4222`, `tls://host:4222`, or `host:4222`. Short: `url`, with commas between several. `auto`: one that `causeway run` starts for itself alone.',
      ),
    prefix: text
      .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, 'must be a NATS subject without wildcards')
      .prefault('cw')
      .describe('First part of every subject and bucket name: one per bridge on a shared NATS.'),
    user: text.optional().describe('User name.'),
    password: text.optional().describe('Password.'),
    token: text.optional().describe('Token.'),
    credsFile: text.optional().describe('File with a user JWT and seed.'),
    nkeyFile: text.optional().describe('File with an NKEY seed.'),
    tls,
    replicas: count
      .refine((copies) => copies <= 5, 'at most 5')
      .optional()
      .describe('Copies of each bucket, 1 to 5. Default: 3 in a cluster of three or more, else 1.'),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ['user'],
    error: 'user and password go together',
  })
  .refine(
    ({ user, token, credsFile, nkeyFile }) => [user, token, credsFile, nkeyFile].filter((one) => one !== undefined).length <= 1,
    'one way to log in, of user, token, credsFile, nkeyFile',
  )
  .refine(({ servers }) => servers.length === 1 || !servers.includes(OWN_NATS), {
    path: ['servers'],
    error: 'auto is one server, and stands alone',
  })
  .refine(
    ({ servers, user, token, credsFile, nkeyFile, tls: secured, replicas = 1 }) =>
      !servers.includes(OWN_NATS) || (replicas === 1 && [user, token, credsFile, nkeyFile, secured].every((one) => one === undefined)),
    'with auto there is nothing to log in with, no TLS, and one copy of everything',
  )
  .optional()
  .describe('The message bus. Absent: in memory, one process.');
