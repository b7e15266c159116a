/**
 * Owns canaries: marks that say to whom a text belongs, so that a text which arrives elsewhere is noticed
 * whatever it is wrapped in. Pure.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const FORM = /canary:([A-Za-z0-9_-]+):[0-9a-f]{16}/g;

/** A text that belongs to `owner` (`[A-Za-z0-9_-]+`) and never repeats. */
export function canary(owner: string): string {
  return `canary:${owner}:${randomBytes(8).toString('hex')}`;
}

/** The owners of all canaries in a message, which may be any JSON value or text. */
export function ownersIn(message: unknown): readonly string[] {
  const text = typeof message === 'string' ? message : (JSON.stringify(message) ?? '');
  return [...text.matchAll(FORM)].map((match) => match[1]!);
}

/** Fails if `message` carries a canary of anybody but `owner`. */
export function assertOwn(owner: string, message: unknown): void {
  for (const other of ownersIn(message)) assert.equal(other, owner, `a message of ${other} reached ${owner}`);
}
