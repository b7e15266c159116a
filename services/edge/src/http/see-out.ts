/**
 * Owns what becomes of a response after its end: while bytes of it wait for a client, it looks whether that takes any, and an edge that
 * goes waits for them.
 *
 * Invariants: a response that the socket took at once costs nothing; a client that reads is let be, however slowly, as far as the
 * kernel tells; a connection of which the kernel takes nothing for `STALL` is destroyed, and what waited with it. A stream
 * before its end is the worker's to watch (session/readers.ts there).
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { EdgeContext } from '../context.ts';

export type SeeOutDeps = Pick<EdgeContext, 'wheel' | 'untaken'>;

/** Milliseconds that a client may stand still, and between two looks: as a worker has them for its readers. */
const STALL = 30_000;
const LOOK = 5_000;

/** Called once, when nothing more will be written. */
export function seeOut(res: ServerResponse, deps: SeeOutDeps): void {
  if (res.writableLength > 0 && !res.destroyed) watch(res, deps);
}

function watch(res: ServerResponse, { wheel, untaken }: SeeOutDeps): void {
  const { socket } = res.req;
  let seen = takenBy(socket);
  let still = 0;
  const look = (): void => {
    const taken = takenBy(socket);
    // With nothing in the socket it waits for another answer of this connection, and not for the client.
    still = taken === seen && socket.writableLength > 0 ? still + LOOK : 0;
    if (still >= STALL) return void socket.destroy();
    seen = taken;
    cancel = wheel.after(LOOK, look);
  };
  let cancel = wheel.after(LOOK, look);
  untaken.add(res);
  res.once('close', () => {
    untaken.delete(res);
    cancel();
  });
}

/** What Node tells its own timeouts by: bytes that it has handed over and the kernel has not taken. */
interface Handle {
  readonly writeQueueSize?: number;
  /** Of TLS: the connection below it, and what that was given. */
  readonly _parent?: { readonly writeQueueSize: number; readonly bytesWritten: number };
}

/** Changes with every byte that the kernel takes. All else that Node tells changes with whole writes, and an answer is one. */
function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null };
  // TLS counts what it has encrypted until all of it is gone.
  if (handle?._parent) return handle._parent.bytesWritten - handle._parent.writeQueueSize;
  return socket.bytesWritten - socket.writableLength - (handle?.writeQueueSize ?? 0);
}
