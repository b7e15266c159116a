/**
 * Owns how an edge that is about to go parts from its clients' connections: a balancer that only places connections leaves
 * a client with the edge that it has, so the edge itself has to send it away.
 *
 * Invariants: once the gate is not open, what begins an answer says that it is the last of its connection; once it is closed,
 * no connection is kept without a request on it. What runs is answered before; a request that crosses the end of an idle
 * connection is not read, and would have been refused; what is over is left to its client to take.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { ServerResponse } from '@causeway/runtime';
import type { EdgeContext } from '../context.ts';

/** The responses of a server that parts; `ended` is called after the end of one whose connection its client means to keep. */
export function partingResponse(gate: EdgeContext['gate'], ended: () => void): typeof ServerResponse {
  return class<Request extends IncomingMessage> extends ServerResponse<Request> {
    override writeHead(status: number, ...head: readonly unknown[]): this {
      if (gate.state !== 'open') this.shouldKeepAlive = false;
      return super.writeHead(status, ...(head as [OutgoingHttpHeaders?]));
    }

    override end(...last: readonly unknown[]): this {
      // Begun while the gate was open.
      if (gate.state === 'closed' && this.shouldKeepAlive) this.once('finish', ended);
      return super.end(...(last as [unknown]));
    }
  };
}

/** Closes connections without a request, once for whatever calls it within one turn; not those of `untaken` responses. */
export function closingIdle(server: () => { closeIdleConnections(): void }, untaken: EdgeContext['untaken']): () => void {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      // Node takes a connection for idle once the end of its answer was written, however much of that waits for the client.
      const over = [...untaken].filter(({ finished }) => finished);
      for (const res of over) res.finished = false;
      server().closeIdleConnections();
      for (const res of over) res.finished = true;
    });
  };
}
