/**
 * Owns the client's requests that the child has not answered: the id that the child sees, and the way
 * back to the id, the token and the stream of the client.
 *
 * Invariants: an internal id is used once in the life of a child; a client's id routes nothing, so two
 * requests with the same id each get their own answer; a call settles exactly once, and what comes for it
 * afterwards is dropped, but for the progress of a task that it began: that bears the call's token until the task ends
 * (2025-11-25 basic/utilities/tasks).
 */
import type { FrameHead } from '@causeway/cluster';
import { membersIn, membersOf, slice, splice, echoedAt, type Edit, type Frame } from '@causeway/protocol';
import { RecentMap, Register } from '@causeway/runtime';
import type { Stream } from './stream.ts';

export interface Call {
  readonly internal: number;
  /** The client's id as raw JSON. */
  readonly clientId: Buffer;
  readonly progressToken: Buffer | undefined;
  readonly method: string;
  /** What figures call its tool or prompt. */
  readonly label: string | undefined;
  readonly stream: Stream;
  readonly index: number | undefined;
  /** The moment at which it began, in the clock's monotonic milliseconds. */
  readonly begun: number;
  /** It may begin a task, and wants to hear of its progress. */
  readonly mayBeTask: boolean;
  answered: boolean;
  /** Stops the call's deadline. */
  cancelDeadline: () => void;
  /** It does not count any more under the limits of calls. */
  release: () => void;
}

export interface NewCall {
  readonly head: FrameHead;
  readonly body: Buffer;
  readonly stream: Stream;
  readonly index: number | undefined;
  readonly begun: number;
}

/** Tasks whose progress finds its way, the newest ones. */
const MOST_TASKS = 256;
const TASK = Buffer.from('"task"');

const nothing = (): void => undefined;
const copy = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

export class Calls {
  readonly #byInternal = new Register<number, Call>();
  readonly #emptied = new Set<() => void>();
  /** Tokens of calls that began a task, by the internal id. */
  readonly #tasks = new RecentMap<number, Buffer>(MOST_TASKS);
  #next = 1;

  get size(): number {
    return this.#byInternal.size;
  }

  /** An id for a request of the bridge's own, which no call will have. */
  mint(): number {
    return this.#next++;
  }

  /** Registers a request and gives the bytes for the child. Spans were found at the edge; they are checked to lie inside. */
  begin({ head, body, stream, index, begun }: NewCall): { call: Call; bytes: Buffer } {
    if (!head.id || head.id.end > body.length) throw new Error('a request envelope names its id');
    const internal = this.#next++;
    const token = head.progressToken;
    const call: Call = {
      internal,
      clientId: copy(slice(body, head.id)),
      progressToken: token && copy(slice(body, token)),
      method: head.method ?? '',
      label: head.label,
      stream,
      index,
      begun,
      mayBeTask: token !== undefined && body.includes(TASK),
      answered: false,
      cancelDeadline: nothing,
      release: nothing,
    };
    this.#byInternal.set(internal, call);
    const id = Buffer.from(String(internal));
    const edits: Edit[] = [{ span: head.id, bytes: id }];
    if (token) edits.push({ span: token, bytes: id });
    return { call, bytes: splice(body, edits) };
  }

  /** The call that a response of the child answers: once, and its deadline is over. It runs until `end`. */
  answered(frame: Frame): Call | undefined {
    const call = this.#byInternal.get(echoedAt(frame.bytes, frame.id));
    if (!call || call.answered) return undefined;
    call.answered = true;
    call.cancelDeadline();
    if (call.mayBeTask && call.progressToken && beginsTask(frame)) this.#tasks.set(call.internal, call.progressToken);
    return call;
  }

  has(call: Call): boolean {
    return this.#byInternal.has(call.internal);
  }

  /** The call is over. */
  end(call: Call): void {
    call.cancelDeadline();
    call.release();
    this.#byInternal.delete(call.internal);
    if (this.#byInternal.size > 0 || this.#emptied.size === 0) return;
    for (const emptied of this.#emptied) emptied();
    this.#emptied.clear();
  }

  /** Resolves as soon as no call is in flight. */
  async none(): Promise<void> {
    if (this.#byInternal.size === 0) return;
    await new Promise<void>((resolve) => this.#emptied.add(resolve));
  }

  /** The running call of this number. */
  of(internal: number | undefined): Call | undefined {
    return internal === undefined ? undefined : this.#byInternal.get(internal);
  }

  /** The call that a progress notification belongs to. */
  byProgress(frame: Frame): Call | undefined {
    const call = this.#byInternal.get(echoedAt(frame.bytes, frame.progressToken));
    return call?.progressToken ? call : undefined;
  }

  /** The token of a call that is over and began a task, and that call's number; a notification belongs to it. */
  taskByProgress(frame: Frame): { readonly internal: number; readonly token: Buffer } | undefined {
    const internal = echoedAt(frame.bytes, frame.progressToken);
    const token = this.#tasks.get(internal);
    return token && { internal, token };
  }

  /** The newest running call with this client id, for a cancellation. */
  byClientId(id: Uint8Array): Call | undefined {
    let found: Call | undefined;
    for (const call of this.#byInternal.values()) if (call.clientId.equals(id)) found = call;
    return found;
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#byInternal.values();
  }
}

/** Whether an answer is that of a task which goes on. */
function beginsTask({ bytes, result }: Frame): boolean {
  return membersOf(bytes, membersIn(bytes, result), 'task') !== undefined;
}
