/**
 * Owns what it is to listen on `localhost`, which is two addresses: Fastify listens on both if it can, and says nothing where the
 * second is somebody else's. Its clients, half of those that the bridge was announced to, would talk to that program.
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Addresses of the name that are not listened on. */
export async function otherHalf(bound: readonly AddressInfo[]): Promise<readonly string[]> {
  const all = (await lookup('localhost', { all: true })).map(({ address }) => address);
  return all.filter((address) => bound.every((one) => one.address !== address));
}

/** Rejects with Node's own error where another program has the port on one of `addresses`. */
export async function refuseHalf(port: number, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const server = createServer();
    try {
      await bindHalf(server, port, address);
    } finally {
      server.close();
    }
  }
}

/** Rejects with Node's own error where another program has the port there. An address that this machine does not have is no matter. */
export async function bindHalf(server: Server, port: number, address: string): Promise<void> {
  try {
    await once(server.listen(port, address), 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
  }
}
