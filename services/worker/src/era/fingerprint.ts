/**
 * Owns what makes two workers' servers of one name the same program, as far as can be told without starting it: what
 * one of them has found out counts for another only then. Pure.
 *
 * Invariant: no value of a variable is hashed, so that nobody who reads the ledger can try secrets against it.
 */
import { createHash } from 'node:crypto';
import type { ServerConfig } from '@causeway/config';

/** Changes whenever the probe does: what an older one found out is no longer believed. */
const PROBE = 1;
/** Base64url digits: 120 bits. */
const LENGTH = 20;

export function fingerprintOf({ command, args, env, passEnvironment, cwd, shell }: ServerConfig): string {
  const passed = typeof passEnvironment === 'boolean' ? passEnvironment : passEnvironment.toSorted();
  const facts = [PROBE, command, args, Object.keys(env).toSorted(), passed, cwd ?? null, shell];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, LENGTH);
}
