/**
 * Owns what it is to listen on `localhost`, which is two addresses: Fastify listens on both if it can, and says nothing where the
 * second is somebody else's. Its clients, half of those that the bridge was announced to, would talk to that program.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Rejects with Node's own error where another program has the port on one of `addresses`. One that this machine does not have is no matter. */
export async function refuseHalf(bound: readonly AddressInfo[], addresses: readonly string[]): Promise<void> {
  const port = bound[0]!.port;
  const missing = addresses.filter((address) => bound.every((one) => one.address !== address));
  for (const address of missing) {
    const server = createServer();
    try {
      await once(server.listen(port, address), 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
    } finally {
      server.close();
    }
  }
}
