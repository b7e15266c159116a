/**
 * Owns the POST that opens a session over Streamable HTTP, from initialize to its answer.
 *
 * Invariants: the session id goes out with the answer to initialize, or with the head of the stream that
 * will carry it; a client that left before is not left a session that nobody can use.
 */
import type { ServerResponse } from 'node:http';
import { errorOf } from '@causeway/cluster';
import { CausewayError, type Frame } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { close, frameHead } from '../session/call.ts';
import { SessionOpening } from '../session/open.ts';
import { PostReply } from './post-reply.ts';
import type { Visit } from './visit.ts';

/** `id`: the request's raw JSON id. */
export function openByPost(edge: EdgeContext, visit: Visit, res: ServerResponse, frame: Frame, id: string): void {
  let refusedByServer = false;
  let left = false;
  const opening = new SessionOpening(
    edge,
    { ...visit, transport: 'streamable', first: { head: frameHead(edge, frame), body: frame.bytes } },
    {
      receive: (head, bytes) => {
        if (head.t === 'server') {
          refusedByServer = head.last === true && head.opened !== true;
          if (left && head.last) return abandon();
          reply.message(head, bytes);
        } else if (head.t === 'ok') {
          reply.accepted();
        } else if (head.t === 'no') {
          reply.fail(errorOf(head));
        } else if (head.t === 'end') {
          reply.fail(new CausewayError('server.start_failed'));
        }
      },
      undelivered: () => reply.fail(new CausewayError('cluster.owner_lost')),
      lost: (why) => {
        reply.fail(new CausewayError(why === 'deadline' ? 'server.start_timeout' : 'cluster.owner_lost'));
        abandon();
      },
      refused: (error) => reply.fail(error),
    },
  );
  const abandon = (): void => {
    opening.exchange.end();
    const { session } = opening;
    if (session && !refusedByServer)
      close(edge, session).catch((error: unknown) => edge.log.debug({ err: error }, 'session of a client that left not closed'));
  };
  const reply = new PostReply(edge, res, {
    requests: 1,
    server: visit.server,
    methodOf: () => 'initialize',
    idOf: () => id,
    stream: opening.exchange.name,
    opened: () => (refusedByServer ? undefined : opening.session?.id),
    left: () => {
      left = true;
    },
    finished: () => {
      if (!left) opening.exchange.end();
    },
  });
  opening.ask();
}
