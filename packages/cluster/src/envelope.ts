/**
 * Owns the envelope: a small head of our own and the untouched bytes of at most one JSON-RPC message.
 * On the wire: one line of JSON, a line feed, the message. A receiver ignores fields of the head that it
 * does not know, so that neighbouring versions understand each other.
 *
 * Invariants: a head never carries client credentials; spans always lie inside the message.
 */
import {
  CausewayError,
  isReason,
  type ErrorFacts,
  type Identity,
  type Reason,
  type SessionToken,
  type Span,
  type WorkerId,
} from '@causeway/protocol';

/** Offsets of what must be changed in a message, found once where it was parsed. */
export interface FrameHead {
  readonly kind: 'request' | 'notification' | 'response';
  readonly method?: string;
  readonly id?: Span;
  readonly progressToken?: Span;
  /** `params.requestId` of a cancellation. */
  readonly requestId?: Span;
}

/**
 * Edge to worker: opens a session. The message is the client's initialize; a 2024-11-05 stream opens with
 * none. This message and every other of an edge names the address for answers as the bus's reply.
 */
export interface OpenHead {
  readonly t: 'open';
  readonly server: string;
  readonly session: SessionToken;
  readonly identity: Identity;
  /** Stream that carries the answer to initialize, or everything (2024-11-05). */
  readonly stream: string;
  readonly transport: 'streamable' | 'sse';
  readonly frame?: FrameHead;
  /** Whose share of the limits it takes; absent: a client that nobody vouches for. */
  readonly share?: Identity;
}

/** Who owns a session: a worker, and how many owners there have been with it. */
export interface Place {
  readonly owner: WorkerId;
  readonly epoch: number;
}

/** Edge to worker: takes over a session whose owner, as far as the edge knows, is gone; or ends it (`forget`). */
export interface ClaimHead {
  readonly t: 'restore' | 'forget';
  readonly session: SessionToken;
  readonly identity: Identity;
  /** The owner that could not be reached. */
  readonly from: Place;
  /** That owner answers, and has said that it does not hold the session. */
  readonly absent?: true;
}

/** To a worker: are you there? Workers, who may not answer each other, ask for the bus's word alone. */
export interface AliveHead {
  readonly t: 'alive';
  readonly quiet?: true;
}

/** Edge to worker: one message of a session's client. */
export interface ClientHead {
  readonly t: 'client';
  readonly identity: Identity;
  readonly frame: FrameHead;
  /** For a request over Streamable HTTP: the stream that its answer rides. */
  readonly stream?: string;
  /** For a message out of an array: its place, and how many requests share the stream. */
  readonly batch?: { readonly index: number; readonly requests: number };
}

/**
 * Edge to worker: about a session's streams, or the session as a whole. `retire`: the edge of its 2024-11-05 stream is
 * about to go, so what runs is finished, nothing is begun, and then the session ends, which the edge waits for.
 */
export interface ControlHead {
  readonly t: 'attach' | 'detach' | 'retire' | 'credit' | 'info' | 'close';
  readonly identity: Identity;
  readonly stream?: string;
  /** attach: replay what follows this position; absent for a fresh standalone stream. */
  readonly after?: number;
  /** credit: the last position that the client's socket has taken. */
  readonly seq?: number;
  /** credit, detach: the address that the stream was being sent to, so that a later attachment is left alone. */
  readonly to?: string;
}

/**
 * Edge to worker, for an operator: about the worker or its sessions. Answered by a verdict, with a JSON body behind
 * a yes (`answers.ts`).
 */
export type AskHead =
  /** Its sessions, of one server or of all, at most `limit` of the newest. */
  | { readonly t: 'list'; readonly server?: string; readonly limit?: number }
  /** Those of its sessions whose token begins with `session`. */
  | { readonly t: 'describe'; readonly session: string }
  /** Ends a session; answered when nothing of it is left. */
  | { readonly t: 'end'; readonly session: SessionToken }
  /** Takes no new sessions any more; takes them again. */
  | { readonly t: 'drain' | 'resume' };

/** Worker to edge: one message of the server, at its position in a stream. */
export interface ServerHead {
  readonly t: 'server';
  readonly seq: number;
  /** The stream is complete with this message. */
  readonly last?: true;
  /** The place in its batch of the request that this answers. */
  readonly index?: number;
  /** The answer to initialize: the session is open. */
  readonly opened?: true;
}

/** Worker to edge: yes or no to an open, a message or a control; `no` also ends a stream before it began. */
export interface VerdictHead {
  readonly t: 'ok' | 'no';
  readonly reason?: Reason;
  readonly message?: string;
  readonly facts?: ErrorFacts;
  readonly retryAfter?: number;
  /** What the failure is called in logs and in the client's answer. */
  readonly ref?: string;
  /** info: the negotiated revision. */
  readonly revision?: string;
  /** restore: who owns the session now. */
  readonly place?: Place;
}

/** Worker to edge: a stream is over without a further message. */
export interface EndHead {
  readonly t: 'end';
  /** `moved`: the session goes on at another owner, which is to be asked for the stream anew. */
  readonly why: 'complete' | 'taken_over' | 'session_ended' | 'cancelled' | 'stalled' | 'moved';
}

/** Worker to edge: is anybody there? Nobody answers; the bus, or the edge, says so when the address is wrong. */
export interface PingHead {
  readonly t: 'ping';
}

/** Worker to edge: the answer to `alive`. */
export interface AliveAnswer {
  readonly t: 'living';
  /** How often this worker's connection was lost: what it sent at such a moment may be lost too. */
  readonly losses: number;
}

export type UpHead = OpenHead | ClaimHead | AliveHead | ClientHead | ControlHead;
export type DownHead = ServerHead | VerdictHead | EndHead | PingHead | AliveAnswer;
export type Head = UpHead | DownHead | AskHead;

const EMPTY = Buffer.alloc(0);

/** `parts` are laid one after the other behind the head: a message need not be joined before. */
export function encode(head: Head, ...parts: readonly Uint8Array[]): Buffer {
  const line = JSON.stringify(head);
  const lineBytes = Buffer.byteLength(line);
  let size = lineBytes + 1;
  for (const part of parts) size += part.length;
  const out = Buffer.allocUnsafe(size);
  out.write(line, 0, 'utf8');
  out[lineBytes] = 0x0a;
  let at = lineBytes + 1;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export interface Envelope<H extends Head = Head> {
  readonly head: H;
  readonly body: Buffer;
}

/** `undefined` for bytes that are no envelope: the bus is not trusted to carry only ours. */
export function decode<H extends Head>(data: Buffer): Envelope<H> | undefined {
  const line = data.indexOf(0x0a);
  if (line < 0) return undefined;
  try {
    const head = JSON.parse(data.toString('utf8', 0, line)) as H;
    if (typeof head !== 'object' || head === null || typeof head.t !== 'string') return undefined;
    return { head, body: line + 1 === data.length ? EMPTY : data.subarray(line + 1) };
  } catch {
    return undefined;
  }
}

export function verdictOf(error: CausewayError): VerdictHead {
  return {
    t: 'no',
    reason: error.reason,
    message: error.message,
    facts: error.facts,
    ref: error.ref,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  };
}

/** The error that a `no` stands for. */
export function errorOf(head: VerdictHead): CausewayError {
  return new CausewayError(isReason(head.reason) ? head.reason : 'internal', {
    ...(head.message === undefined ? {} : { message: head.message }),
    ...(head.facts === undefined ? {} : { facts: head.facts }),
    ...(head.retryAfter === undefined ? {} : { retryAfter: head.retryAfter }),
    ...(head.ref === undefined ? {} : { ref: head.ref }),
  });
}
