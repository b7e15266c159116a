/**
 * Owns binding a listener beside the main one: a port that is taken is exchanged for a free one, since what it is for
 * is not worth failing a start.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { urlOf } from './url.ts';

export interface BindAt {
  readonly host: string;
  readonly port: number;
  /** Told of the port that was taken instead. */
  readonly exchanged: (port: number) => void;
}

/** Resolves with the URL. Rejects with Node's own error, but not for a port that is in use. */
export async function bindOrFree(server: Server, { host, port, exchanged }: BindAt): Promise<string> {
  const bind = (at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  const address = (): AddressInfo => server.address() as AddressInfo;
  await bind(port).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    await bind(0);
    exchanged(address().port);
  });
  return urlOf(address(), host);
}
