/**
 * Owns what a server says of itself, as `server/discover` tells it: taken from a child that has greeted, and from a new
 * one where none has.
 * Source: 2026-07-28 server/discover; WIRE §1.8: only revisions that would be accepted are listed.
 */
import type { ServerConfig } from '@causeway/config';
import { discoverResult, membersAt, membersOf, MODERN_REVISION, splice, withoutTaskExtension } from '@causeway/protocol';
import { servesOne } from '../pool/lease.ts';
import type { Pool } from '../pool/pool.ts';
import type { Era } from '../pool/pooled-process.ts';
import type { Beneficiary, Pools } from '../pool/pools.ts';

export interface Described {
  readonly server: ServerConfig;
  readonly era: Era;
  /** For whom a child is started if there is none. */
  readonly whom: Beneficiary;
}

/** Raw JSON text of the result. Rejects with CausewayError where no child could be had. */
export async function describe(pools: Pools, { server, era, whom }: Described): Promise<string> {
  // A pool is made for who needs a child, not for who asks.
  const greeting = pools.greeting(server, era) ?? (await greetingOf(pools.of(server, era, whom)));
  return era === 'legacy' ? discoverResult(greeting, MODERN_REVISION) : passedOn(greeting);
}

async function greetingOf(pool: Pool): Promise<string> {
  const lease = await pool.lease({ exclusive: servesOne(pool.order) });
  const { greeting } = lease.process;
  lease.end('sound');
  return greeting;
}

/** A server may speak more revisions than are carried, and of tasks, which are not. */
function passedOn(greeting: string): string {
  const bytes = Buffer.from(greeting);
  const result = membersAt(bytes);
  const span = result?.of.get('supportedVersions');
  const revisions = span ? [{ span, bytes: Buffer.from(JSON.stringify([MODERN_REVISION])) }] : [];
  return splice(bytes, [...revisions, ...withoutTaskExtension(bytes, membersOf(bytes, result, 'capabilities'))]).toString();
}
