/**
 * The only spelling of subjects. `docs/subjects.md` says who publishes and who listens.
 * Every process subscribes to one wildcard of its own at start, so that a missing subscriber always
 * means a missing process (a subscription per session answered 15 % false "no responders").
 * Inboxes stand beside those wildcards, never below: an answer below one would be delivered twice.
 */
import type { EdgeId, SessionToken, WorkerId } from '@causeway/protocol';

/** A session under one of its owners, of which `epoch` is the count. */
export interface OwnedSession {
  readonly token: SessionToken;
  readonly epoch: number;
}

export interface Subjects {
  /** Everything addressed to a worker. */
  workerAll(worker: WorkerId): string;
  /** Opens a session on this worker, or takes one over. */
  open(worker: WorkerId): string;
  /** What operators ask: list, describe, end, drain, resume. */
  control(worker: WorkerId): string;
  /** Whether the worker is there; workers may ask it, too. */
  alive(worker: WorkerId): string;
  /** JSON-RPC messages of a session's client, to this owner of it: a worker that owns it again hears nothing that was meant before. */
  sessionIn(worker: WorkerId, session: OwnedSession): string;
  /** Attach, detach, credit, cancel of streams; info; close. */
  sessionControl(worker: WorkerId, session: OwnedSession): string;
  /** Reply address of a frame at `seq` of a stream's `attachment`: whatever arrives here means that it reached nobody. */
  streamLost(worker: WorkerId, session: OwnedSession, stream: string, attachment: number, seq: number): string;
  /** A request of the stateless era, which belongs to no session. */
  call(worker: WorkerId): string;
  /** Words about the stream of such a call: attach, detach, credit. Its name is unique in the cluster. */
  callControl(worker: WorkerId, stream: string): string;
  /** Reply address of a frame of such a stream, as `streamLost`. */
  callLost(worker: WorkerId, stream: string, attachment: number, seq: number): string;
  /** Workers tell each other that what a server offers has changed. */
  changed(worker: WorkerId): string;
  /** Whether the worker gives up an idle child for another's claim. */
  room(worker: WorkerId): string;
  /** Reply address of the `nth` such question of this worker. */
  roomAnswer(worker: WorkerId, nth: number): string;
  /** Inbox of a worker: below it arrive answers to its own requests and acknowledgements of its parts. */
  workerInbox(worker: WorkerId): string;
  /** Everything addressed to an edge. */
  edgeAll(edge: EdgeId): string;
  /** Frames of one stream, a call's or a GET's, on its way to a client of this edge. */
  stream(edge: EdgeId, stream: string): string;
  /** Reply address of a ping to an edge: whatever arrives here means that the edge is gone. */
  edgeLost(worker: WorkerId, edge: string, ping: number): string;
  /** Inbox of an edge, as a worker's. */
  edgeInbox(edge: EdgeId): string;
  /**
   * The address for messages that were published in one event-loop turn and travel together, to the process to which
   * `subject` belongs; `undefined`: messages there travel alone. What travels together is what one edge may send to
   * workers, or one worker to edges: whoever may publish to the address may publish to each of its subjects.
   */
  bundle(subject: string): string | undefined;
  /** Whether a message there goes to an edge. */
  isToEdge(subject: string): boolean;
  /** Inbox of a process that only makes the buckets. */
  bootInbox(name: string): string;
}

/** What edges send to workers while calls run. */
const TO_WORKERS = /^(?:s\..+\.(?:in|ctl)|c\..+\.ctl|call)$/;

/** Subjects under `prefix`, one or more tokens, default `cw`. */
export function subjects(prefix = 'cw'): Subjects {
  const workers = `${prefix}.w.`;
  const edges = `${prefix}.e.`;
  return {
    workerAll: (worker) => `${prefix}.w.${worker}.>`,
    open: (worker) => `${prefix}.w.${worker}.open`,
    control: (worker) => `${prefix}.w.${worker}.ctl`,
    alive: (worker) => `${prefix}.w.${worker}.alive`,
    sessionIn: (worker, { token, epoch }) => `${prefix}.w.${worker}.s.${token}.${epoch}.in`,
    sessionControl: (worker, { token, epoch }) => `${prefix}.w.${worker}.s.${token}.${epoch}.ctl`,
    streamLost: (worker, { token, epoch }, stream, attachment, seq) =>
      `${prefix}.w.${worker}.s.${token}.${epoch}.lost.${stream}.${attachment}.${seq}`,
    call: (worker) => `${prefix}.w.${worker}.call`,
    callControl: (worker, stream) => `${prefix}.w.${worker}.c.${stream}.ctl`,
    callLost: (worker, stream, attachment, seq) => `${prefix}.w.${worker}.c.${stream}.lost.${attachment}.${seq}`,
    changed: (worker) => `${prefix}.w.${worker}.changed`,
    room: (worker) => `${prefix}.w.${worker}.room`,
    roomAnswer: (worker, nth) => `${prefix}.w.${worker}.room.${nth}`,
    workerInbox: (worker) => `${prefix}.wr.${worker}`,
    edgeAll: (edge) => `${prefix}.e.${edge}.>`,
    stream: (edge, stream) => `${prefix}.e.${edge}.g.${stream}`,
    edgeLost: (worker, edge, ping) => `${prefix}.w.${worker}.edge.${edge}.${ping}`,
    edgeInbox: (edge) => `${prefix}.er.${edge}`,
    bundle(subject) {
      const below = subject.startsWith(edges) ? edges : subject.startsWith(workers) ? workers : undefined;
      if (below === undefined) return undefined;
      const area = subject.indexOf('.', below.length) + 1;
      const together = below === edges ? subject.startsWith('g.', area) : TO_WORKERS.test(subject.slice(area));
      return together ? `${subject.slice(0, area)}bundle` : undefined;
    },
    isToEdge: (subject) => subject.startsWith(edges),
    bootInbox: (name) => `${prefix}.boot.${name}`,
  };
}

/** Takes the place of a stream's name in the address of a ping. */
export const PING = '-';

/** The edge that an address of `Subjects.stream` belongs to, and where that edge hears a ping. */
export function edgeOf(stream: string): { readonly edge: string; readonly ping: string } {
  const [edge = ''] = stream.split('.').slice(-3);
  return { edge, ping: `${stream.slice(0, stream.lastIndexOf('.'))}.${PING}` };
}

/** The part of a subject below a process's own wildcard, e.g. `['s', token, 'in']`. */
export function tail(subject: string, all: string): string[] {
  return subject.slice(all.length - 1).split('.');
}
