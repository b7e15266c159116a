/**
 * Owns the words that edges and workers say to each other: the heads of envelopes, which say what each is about and
 * what must be known of the message behind it. A receiver ignores fields that it does not know, so that neighbouring
 * versions understand each other.
 *
 * Invariants: a head never carries client credentials; spans always lie inside the message.
 */
import type { Capabilities, ErrorFacts, Identity, List, Reason, SessionToken, Span, WorkerId } from '@causeway/protocol';

/** Offsets of what must be changed in a message, found once where it was parsed. */
export interface FrameHead {
  readonly kind: 'request' | 'notification' | 'response';
  readonly method?: string | undefined;
  readonly id?: Span | undefined;
  readonly progressToken?: Span | undefined;
  /** `params.requestId` of a cancellation. */
  readonly requestId?: Span | undefined;
  /** What figures call the tool or prompt that it names, where those of the edge tell them apart. */
  readonly label?: string | undefined;
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
  /** `Ledger.stamp` of the worker. */
  readonly stamp?: number | undefined;
  readonly frame: FrameHead;
  /** For a request over Streamable HTTP: the stream that its answer rides. */
  readonly stream?: string | undefined;
  /** For a message out of an array: its place, and how many requests share the stream. */
  readonly batch?: { readonly index: number; readonly requests: number } | undefined;
}

/**
 * Edge to worker: one request of the stateless era, of no session. Its answer, and what belongs to it, rides the stream
 * that it names; words about that stream go to the address of the stream, not of a session.
 */
export interface CallHead {
  readonly t: 'call';
  readonly server: string;
  /** `Ledger.stamp` of the worker. */
  readonly stamp?: number | undefined;
  readonly identity: Identity;
  /** Whose share of the limits the process takes that runs it. */
  readonly share?: Identity;
  readonly stream: string;
  /** Of the requests that this edge sends to this worker; the same when it is sent `again`, because the worker had not heard of it. */
  readonly number: number;
  readonly again?: true;
  readonly frame: FrameHead;
  /** `params`, and `params._meta`. */
  readonly params: Span;
  readonly meta: Span;
  /** The tool, prompt or resource that it names. */
  readonly name?: string;
  /** Values of its `Mcp-Param-` headers, by the rest of their names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** It goes on with a call that waits here. */
  readonly parked?: string;
  /** The process that asked for more. */
  readonly process?: string;
  /** The server's own state, in the place of the one that the client sent; empty: it gave none. */
  readonly inner?: string;
}

/** Worker to worker: a list of the server has changed. */
export interface ChangedHead {
  readonly t: 'changed';
  readonly server: string;
  readonly list: List;
  /** It may have, and clients are not told: whoever says so says it whenever it starts. */
  readonly quiet?: true;
}

/** Worker to worker: whether a place that an idle child holds under this limit can be had; and the answer. */
export interface RoomHead {
  readonly t: 'room';
  readonly place?: { readonly server: string; readonly identity?: Identity };
  readonly limit?: Reason;
  /** A child is given up: its place is free in a moment. */
  readonly given?: boolean;
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
  /** detach: its client was told the end, and heard nothing beyond this position; nobody comes back for it. */
  readonly heard?: number;
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
  /** With it: the revision that the server has chosen. */
  readonly revision?: string;
  /** The HTTP status of this answer, where nothing was sent before it. */
  readonly status?: number;
  /** HTTP+SSE: the call that this answers, as `PendingHead` names it. */
  readonly call?: number;
  /** How the request that this answers failed, as figures name it. */
  readonly failed?: string;
}

/**
 * Worker to edge, over HTTP+SSE: a call was begun whose answer is to come on this stream, whichever edge it was posted
 * to; without `id` it was cancelled, and has none.
 */
export interface PendingHead {
  readonly t: 'pending';
  readonly call: number;
  /** The client's own id of it, raw JSON. */
  readonly id?: string;
  /** Milliseconds that it may take. */
  readonly due?: number;
  readonly method?: string;
  /** As the `FrameHead` had it. */
  readonly label?: string | undefined;
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
  /** Capabilities that the client has not declared. */
  readonly required?: Capabilities;
  /** info: the negotiated revision. */
  readonly revision?: string;
  /** restore: who owns the session now. */
  readonly place?: Place;
  /** attach: the stream is of a call that is over, and whoever has it up to there has all of it; also with a `no`, where it is not kept. */
  readonly complete?: true;
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
  /** How often something that this worker sent may have been lost: with its connection, or where an edge was not found. */
  readonly losses: number;
}

export type UpHead = OpenHead | ClaimHead | AliveHead | ClientHead | CallHead | ControlHead;
export type DownHead = ServerHead | PendingHead | VerdictHead | EndHead | PingHead | AliveAnswer;
export type Head = UpHead | DownHead | AskHead | ChangedHead | RoomHead;
