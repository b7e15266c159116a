/** Owns connections of tests to a listener in the same process, of which they have both ends. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface BothEnds {
  readonly client: Socket;
  /** The listener's end of it. */
  readonly socket: Socket;
}

/** A connection whose client neither reads nor closes by itself. One at a time. */
export async function bothEnds(port: number): Promise<BothEnds> {
  const taken = Promise.withResolvers<Socket>();
  const take = (message: unknown): void => taken.resolve((message as { readonly socket: Socket }).socket);
  subscribe('net.server.socket', take);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
  client.pause();
  await once(client, 'connect');
  const socket = await taken.promise;
  unsubscribe('net.server.socket', take);
  return { client, socket };
}
