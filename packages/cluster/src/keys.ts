/** Owns the door to NKeys. Invariant: the NATS client is loaded only when one is made. */
import type { NatsKey } from './nats/keys.ts';

/** The key of a user: of the seed, or a new one. Throws for what is no seed of a user. */
export async function natsUserKey(seed?: string): Promise<NatsKey> {
  const { newUserKey, userKeyFrom } = await import('./nats/keys.ts');
  return seed === undefined ? newUserKey() : userKeyFrom(seed);
}
