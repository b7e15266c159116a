/** Owns what may be written of the addresses that are listened on: for clients, with TLS or without, for probes, for operators. */
import { z } from 'zod';
import { countOrNone, key, port, text } from './forms.ts';

const tls = z
  .strictObject({
    certFile: text.describe(
      'PEM file: the certificate, and behind it those between it and its authority. A file that has changed is taken up without a restart.',
    ),
    keyFile: text.describe('PEM file: its private key, without a passphrase.'),
    clientCaFile: text
      .optional()
      .describe(
        'PEM file of authorities: whoever connects must show a certificate that one of them has signed. Absent: nobody is asked for one.',
      ),
  })
  .optional()
  .describe('TLS (1.2 or newer) where clients connect. Absent: plain HTTP.');

export const listen = z
  .strictObject({
    host: text
      .prefault('127.0.0.1')
      .describe(
        'Address to listen on. One that others can reach must be said on the command line (`--host`) or in `CAUSEWAY_HOST`, not only here.',
      ),
    port: port.prefault(8000).describe('Port; 0 is any free one.'),
    tls,
  })
  .prefault({})
  .describe('Where clients connect. Short: `"host:port"`, or the port alone.');

export const diagnostics = z
  .strictObject({
    host: text
      .prefault('127.0.0.1')
      .describe(
        "Address of the diagnostics listener; the rule of `listen.host` applies. On loopback it answers only where `Host` is an address, a loopback name or the machine's own.",
      ),
    port: z
      .union([z.literal(false), port], 'a port (0 to 65535) or false')
      .prefault(9464)
      .describe('Port of `/livez`, `/readyz` and the like; `false` for none. If it is taken, a free one is used and logged.'),
    tools: countOrNone
      .prefault(0)
      .describe(
        'Tools, and prompts, of each server that the durations in `/metrics` tell apart by name; the others are `_other`. 0: names are not told. Each has 17 lines there for every way in which its calls end, at an edge and at a worker, which need this setting both.',
      ),
  })
  .prefault({})
  .describe('The listener for probes, of every process. Short: `off` or `false`, `"host:port"`, or the port alone.');

export const admin = z
  .strictObject({
    host: text
      .prefault('127.0.0.1')
      .describe(
        'Address of the admin listener. One that others can reach must be said in `CAUSEWAY_ADMIN_HOST`, not only here, and needs a `token`.',
      ),
    port: z
      .union([z.literal(false), port], 'a port (0 to 65535) or false')
      .prefault(8001)
      .describe('Port of the admin API; `false` for none. If it is taken, a free one is used and logged.'),
    token: key
      .optional()
      .describe(
        'What an operator must show; use `${file:/run/secrets/…}`. Default: a new one at every start, which `causeway sessions` and the like find on the same machine as the same user.',
      ),
  })
  .prefault({})
  .describe('The listener for operators, of an edge and of `run`. Short: `off` or `false`, `"host:port"`, or the port alone.');
