/**
 * Owns a conversation of one command with an MCP endpoint, from its opening to its end.
 * Invariants: it ends, by its time at the latest; whatever becomes of it, the session is ended; what runs when the command is
 * interrupted is cancelled before it exits.
 */
import { constants } from 'node:os';
import { EXIT, Failure } from '../failure.ts';
import { McpClient } from './client.ts';
import { endpointUrl, serversOf, type EndpointLine } from './endpoint.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Conversation {
  readonly line: EndpointLine;
  /** The default one where none is named. */
  readonly server: string | undefined;
  /** Milliseconds for all of it. */
  readonly timeout: number;
}

/** Resolves with what `work` says. Its signal is for all that it asks. Rejects with a `Failure`. */
export async function converse<T>(
  { line, server, timeout }: Conversation,
  work: (client: McpClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController();
  let by: NodeJS.Signals | undefined;
  // Only the first: the next ends the process, as it would without us.
  const press = (name: NodeJS.Signals): void => {
    by ??= name;
    interrupt.abort();
  };
  for (const name of SIGNALS) process.once(name, press);
  const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(timeout)]);
  let client: McpClient | undefined;
  try {
    client = await open(line, server, signal);
    return await work(client, signal);
  } catch (error) {
    throw by === undefined ? error : new Failure(128 + constants.signals[by], 'interrupted');
  } finally {
    await client?.close();
    for (const name of SIGNALS) process.off(name, press);
  }
}

async function open(line: EndpointLine, server: string | undefined, signal: AbortSignal): Promise<McpClient> {
  const { headers } = line;
  const place = line.place();
  try {
    return await McpClient.open({ url: endpointUrl(place, server), headers }, { name: 'causeway', signal });
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'server.unknown' || place.kind !== 'bridge') throw error;
    const names = await serversOf(place.base, headers);
    const message = server === undefined ? 'no server of this bridge is the default; say which' : `there is no server "${server}"`;
    throw new Failure(EXIT.usage, message, [...error.hints, `there are: ${names.join(', ')}`], error.reason);
  }
}
