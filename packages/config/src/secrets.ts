/**
 * Owns the list of settings that are, or may hold, secrets: messages show no value of them, and listings mask them. Pure.
 * Keeps: what stands in place of a group with a secret in it counts as one: it may be the secret, written a level too high.
 */
import type { Path } from './faults.ts';

/** `*`: any name. Everything below counts too: addresses of NATS servers may hold a password. */
const SECRETS: readonly (readonly string[])[] = [['auth'], ['admin', 'token'], ['nats'], ['servers', '*', 'env']];

/** Whether no value that stands at `path` may be shown. */
export function isSecret(path: Path): boolean {
  return SECRETS.some((secret) => secret.slice(0, path.length).every((key, at) => key === '*' || key === path[at]));
}

/** Settings that hold nothing but a secret. */
export const MASKED: ReadonlySet<string> = new Set(['nats.password', 'nats.token', 'admin.token']);
