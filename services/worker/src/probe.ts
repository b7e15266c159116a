/**
 * Owns the one look at a server before anybody uses it: start a child, ask it to initialize, stop it. So a
 * bad command is an error at once and not at the first client's request.
 */
import { CausewayError } from '@causeway/protocol';
import type { ServerConfig } from '@causeway/config';
import type { Child, ChildListeners } from './child/child.ts';
import { exitFacts } from './session/outcome.ts';

const QUESTION = Buffer.from(
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"causeway-probe","version":"0"}}}',
);

/** Rejects with CausewayError `server.start_failed` or `server.start_timeout`, with the last lines of stderr in `facts.stderr`. */
export async function probe(server: ServerConfig, start: (listeners: ChildListeners) => Promise<Child>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = await start({
    // Any answer under our id is life, an error too; noise before it is not.
    line: (line) => /"id"\s*:\s*1\b/.test(line.toString('utf8', 0, 65_536)) && resolve(),
    broken: (why) => reject(new CausewayError('server.start_failed', { facts: { class: why } })),
    exit: (exit) => reject(new CausewayError('server.start_failed', { facts: exitFacts(exit) })),
  });
  const timer = setTimeout(() => reject(new CausewayError('server.start_timeout')), server.startTimeout);
  try {
    if (!child.write(QUESTION)) throw new CausewayError('server.start_failed');
    await promise;
  } catch (error) {
    const exit = await child.stop({ gentle: false });
    if (error instanceof CausewayError && error.reason === 'server.start_timeout') {
      throw new CausewayError('server.start_timeout', { facts: { stderr: exit.stderr } });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    await child.stop({ gentle: false });
  }
}
