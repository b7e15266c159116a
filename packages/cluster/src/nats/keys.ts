/**
 * Owns the making of NKeys: a seed, which only its holder has, and the public key, by which NATS knows it. A server
 * that is configured with the public key holds nothing secret, and the seed never travels.
 */
import { nkeys } from '@nats-io/transport-node';

export interface NatsKey {
  readonly seed: string;
  readonly public: string;
}

export function newUserKey(): NatsKey {
  return keyOf(nkeys.createUser());
}

/** Throws for what is no seed of a user. */
export function userKeyFrom(seed: string): NatsKey {
  const pair = nkeys.fromSeed(new TextEncoder().encode(seed));
  if (!pair.getPublicKey().startsWith('U')) throw new TypeError('this seed is of no user');
  return keyOf(pair);
}

function keyOf(pair: nkeys.KeyPair): NatsKey {
  return { seed: new TextDecoder().decode(pair.getSeed()), public: pair.getPublicKey() };
}
