/**
 * Owns responses whose turn has not come, because an answer before them on their connection is not over: when the connection is
 * gone, so are they. Node 24.21 tells them by itself; 22, and 24.13 for one, do not, and what such a response kept it kept for ever.
 *
 * Invariant: each is told once, here or by Node.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class Queued {
  readonly #waiting = new WeakMap<Socket, Set<ServerResponse>>();

  /** Of a request that has just come; nearly every response has its turn at once. */
  watch(res: ServerResponse): void {
    if (res.socket !== null) return;
    const waiting = this.#of(res.req.socket);
    waiting.add(res);
    res.once('close', () => waiting.delete(res));
  }

  #of(socket: Socket): Set<ServerResponse> {
    const known = this.#waiting.get(socket);
    if (known) return known;
    const waiting = new Set<ServerResponse>();
    this.#waiting.set(socket, waiting);
    socket.once('close', () => waiting.forEach(lose));
    return waiting;
  }
}

/** Its turn will not come. */
function lose(res: ServerResponse): void {
  if (res.destroyed || res.socket !== null) return;
  res.destroy();
  res.emit('close');
}
