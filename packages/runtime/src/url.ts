/**
 * Owns how an address that is listened on is told to people and programs. Pure.
 */
import type { AddressInfo } from 'node:net';

/** `http://host:port`; a wildcard address is told as loopback, where it can be reached for certain. */
export function urlOf(address: AddressInfo, host: string, scheme: 'http' | 'https' = 'http'): string {
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `${scheme}://${shown.includes(':') ? `[${shown}]` : shown}:${address.port}`;
}
