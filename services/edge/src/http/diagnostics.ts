/**
 * Owns the listener for probes alone, on a port of its own: network policies filter ports, not paths.
 */
import { createServer } from 'node:http';
import type { Health, Log } from '@causeway/runtime';
import type { EdgeOptions } from '../context.ts';
import { bindOrFree } from './bind.ts';
import { answerProbe } from './ops.ts';

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
  const wanted = at.port === false ? 0 : at.port;
  const url = await bindOrFree(server, {
    host: at.host,
    port: wanted,
    exchanged: (port) => log.info({ wanted, port }, 'diagnostics port is taken, using a free one'),
  });
  server.unref();
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
