/**
 * Owns the listener for probes alone, on a port of its own: network policies filter ports, not paths.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Health, Log } from '@causeway/runtime';
import type { EdgeOptions } from '../context.ts';
import { answerProbe } from './ops.ts';
import { urlOf } from './url.ts';

/** A listener for probes alone; a taken port is exchanged for a free one. */
export async function openDiagnostics(
  health: Health,
  at: EdgeOptions['diagnostics'],
  log: Log,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((req, res) => {
    if (answerProbe((req.url ?? '/').split('?')[0]!, health, [], req, res)) return;
    res.writeHead(404, { 'content-length': 0 }).end();
  });
  const bind = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, at.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  const wanted = at.port === false ? 0 : at.port;
  await bind(wanted).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    await bind(0);
    log.info({ wanted, port: (server.address() as AddressInfo).port }, 'diagnostics port is taken, using a free one');
  });
  server.unref();
  return {
    url: urlOf(server.address() as AddressInfo, at.host),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
