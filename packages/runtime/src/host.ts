/**
 * Owns what a Host header says. Pure.
 * Invariant: a name can be made to resolve to us by anybody (DNS rebinding), an address and a loopback name cannot.
 */
import { isIP } from 'node:net';

/** The host that it names, in lower case and without its port; `undefined` for what names none. */
export function hostIn(header: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::[0-9]{1,5})?$/.exec(header.toLowerCase())?.[1];
}

/** Whether nobody else can have given us that name. */
export function isAddress(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
}
