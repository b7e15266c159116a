/**
 * Owns TLS towards NATS: whether it is demanded, whose name a server's certificate must bear, and the words for what fails.
 * Invariant: where it is demanded, nothing is said to a server that speaks none, or that nobody vouches for. Its files are read
 * by the client, at every connection.
 */
import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { TlsOptions } from '@nats-io/transport-node';
import type { NatsClusterOptions } from '../cluster.ts';

/** `undefined`: it is up to the server. */
export function tlsOptions({ tls }: NatsClusterOptions, urls: readonly URL[]): TlsOptions | undefined {
  if (tls === undefined && urls.every((url) => url.protocol !== 'tls:')) return undefined;
  // The client hands on to Node what it does not know.
  return Object.assign({ ...tls }, { checkServerIdentity: checkIdentity });
}

/** What Node was given to connect with. */
interface Connecting {
  readonly servername?: string;
  readonly socket?: Socket;
}

/**
 * For a server that is named by its address the client gives TLS no name, and Node looks for `localhost` in the certificate: it
 * would refuse the right one, and take that of any other server of the authority which has that name.
 */
function checkIdentity(this: Connecting, name: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(this.servername || (this.socket?.remoteAddress ?? name), certificate);
}

/** As Node and the client call it → what it is, and what there is to change. */
const FAULTS: Readonly<Record<string, readonly [what: string, change: string]>> = {
  CERT_HAS_EXPIRED: ['its certificate has ended', 'Renew it.'],
  CERT_NOT_YET_VALID: ['its certificate is not valid yet', 'Is the clock right?'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['its certificate is for another name', 'Give the NATS address the name that stands there.'],
  "server does not support 'tls'": ['it speaks no TLS', 'Turn that on there, or do not ask for it (tls://, nats.tls).'],
};
const UNTRUSTED = /^(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|^UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)/;

/** What is wrong with a server that answers, where that will not mend itself; a sentence for each half. */
export function tlsFault(error: unknown): readonly [what: string, change: string] | undefined {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string };
  if (UNTRUSTED.test(code)) return ['nobody who is known here vouches for its certificate', 'nats.tls.caFile names the authority.'];
  return FAULTS[code] ?? FAULTS[message];
}
