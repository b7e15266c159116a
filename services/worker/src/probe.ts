/**
 * Owns the one look at a server before anybody uses it: start a child, ask it to initialize, stop it. So a
 * bad command is an error at once and not at the first client's request.
 */
import { CausewayError, FrameFault, rawText, readServerLine, refusedAnswer, requestOf, type Span } from '@causeway/protocol';
import type { ServerConfig } from '@causeway/config';
import type { Child, ChildListeners } from './child/child.ts';
import { exitFacts } from './child/exit-facts.ts';
import { sampleOf } from './child/noise.ts';
import { scrubOf } from './child/secrets.ts';

const QUESTION = requestOf(
  1,
  'initialize',
  '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"causeway-probe","version":"0"}}',
);
/** Lines that are no JSON-RPC, before the server is given up. */
const MAX_STRAY = 1_000;

/**
 * Resolves with the first line that the server wrote to stdout and that is no JSON-RPC. Rejects with CausewayError
 * `server.start_failed`, `server.start_timeout` or `server.reply_invalid`, the first two with the last lines of stderr in `facts.stderr`,
 * and with the signal's reason.
 */
export async function probe(
  server: ServerConfig,
  start: (listeners: ChildListeners) => Promise<Child>,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let stray: string | undefined;
  let strays = 0;
  const line = (bytes: Buffer): void => {
    const read = readLine(bytes);
    // Any answer under our id is life, an error too.
    if (read === 'answer') return resolve();
    if (read === 'refused') return reject(new CausewayError('server.reply_invalid'));
    if (read === 'message') return;
    stray ??= sampleOf(bytes, scrubOf(server, process.env));
    strays += 1;
    if (strays > MAX_STRAY) reject(new CausewayError('server.start_failed', { facts: { class: 'noise' } }));
  };
  const child = await start({
    line,
    broken: (why) => reject(new CausewayError('server.start_failed', { facts: { class: why } })),
    exit: (exit) => reject(new CausewayError('server.start_failed', { facts: exitFacts(exit) })),
  });
  const timer = setTimeout(() => reject(new CausewayError('server.start_timeout')), server.startTimeout);
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    signal?.throwIfAborted();
    if (!child.write(QUESTION)) throw new CausewayError('server.start_failed');
    await promise;
    return stray;
  } catch (error) {
    const exit = await child.stop({ gentle: false });
    if (error instanceof CausewayError && error.reason === 'server.start_timeout') {
      throw new CausewayError('server.start_timeout', { facts: { stderr: exit.stderr } });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    await child.stop({ gentle: false });
  }
}

function readLine(bytes: Buffer): 'answer' | 'refused' | 'message' | 'stray' {
  const ours = (id: Span | undefined): boolean => id !== undefined && rawText(bytes, id) === '1';
  try {
    const { kind, id } = readServerLine(bytes);
    return kind === 'response' && ours(id) ? 'answer' : 'message';
  } catch (error) {
    if (!(error instanceof FrameFault)) throw error;
    return ours(refusedAnswer(bytes)) ? 'refused' : 'stray';
  }
}
