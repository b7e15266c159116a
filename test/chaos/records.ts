/**
 * Owns the form of what clients write down about their own experience: the ledgers that the invariants are judged
 * by. All times are `Date.now()`, which is what the fixture's ledger has too.
 */
import { Inbox } from '../harness/within.ts';

/** One request of a client from its first attempt until it has an outcome: a call of a tool, or an opening. */
export interface CallRecord {
  /** e.g. `c12`; a client goes on with a new session when it lost one. */
  readonly client: string;
  /** e.g. `c12-2`: its second session. */
  readonly session: string;
  readonly server: string;
  /** `initialize` for an opening. */
  readonly tool: string;
  /** One for each attempt; the fixture writes those down that it sees. */
  readonly nonces: string[];
  /** Origins of the edges that were asked, one for each attempt and each resumption. */
  readonly edges: string[];
  readonly began: number;
  ended: number;
  outcome: 'ok' | 'error' | 'silence';
  status?: number;
  /** As in `error.data.reason`; `client.*` for what only the client can know. */
  reason?: string;
  executed?: string;
  /** Milliseconds that the tool itself takes. */
  readonly own: number;
  /** Attempts that were certainly not executed, or had no answer at all, and were made again elsewhere. */
  retried: number;
  /** Times that the stream of the call was taken up again by its last event. */
  resumed: number;
  /** Final responses that arrived for it. */
  finals: number;
  /** What is wrong with the answer. */
  wrong?: string;
}

/** One line for people. */
export function describeCall(call: CallRecord | undefined): string {
  if (call === undefined) return 'none';
  const { session, tool, outcome, status, reason, executed, retried, resumed, began, ended } = call;
  const why = outcome === 'ok' ? '' : ` ${status ?? ''} ${reason ?? ''} executed ${executed ?? '?'}`;
  return `${session} ${tool} ${outcome}${why} after ${ended - began} ms (retried ${retried}, resumed ${resumed})`;
}

export interface SessionRecord {
  readonly client: string;
  readonly session: string;
  readonly server: string;
  readonly transport: 'streamable' | 'sse';
  /** What the client holds; for HTTP+SSE the address of its messages. */
  readonly id: string;
  /** Streamable HTTP with a GET stream, which the load keeps up. */
  readonly standing: boolean;
  readonly opened: number;
  /** When the client ended it, or learned that it is over. */
  ended?: number;
  /** `lost`: it answered 404; `dropped`: its stream ended. */
  end?: 'deleted' | 'lost' | 'dropped';
  /** The DELETE was answered: it is certainly over. */
  confirmed?: boolean;
}

/** One event on one connection. */
export interface Heard {
  readonly session: string;
  /** Number of the connection that it came on. */
  readonly connection: number;
  readonly stream: string;
  readonly seq: number;
  readonly at: number;
}

/** Something that should not have reached this session, or this exchange. */
export interface Stray {
  readonly session: string;
  readonly at: number;
  readonly what: string;
}

export interface Standing {
  readonly session: string;
  readonly at: number;
  readonly what: 'attached' | 'ended' | 'refused';
  readonly status: number;
}

/** The client was told by the bridge that its session was started anew. */
export interface Told {
  readonly session: string;
  readonly at: number;
  readonly method: string;
}

/** Notifications with a number, in the order in which the session's child was asked for them. */
export interface Ticks {
  /** Those whose request was answered, and when. */
  readonly said: Map<number, number>;
  /** In the order of arrival. */
  readonly heard: number[];
  /** Those whose request had no answer and was made again: they may come twice. */
  readonly doubtful: Set<number>;
}

/** Everything that the clients of one load wrote down. */
export class Evidence {
  readonly calls = new Inbox<CallRecord>();
  readonly sessions: SessionRecord[] = [];
  readonly heard: Heard[] = [];
  readonly strays: Stray[] = [];
  readonly standing = new Inbox<Standing>();
  readonly told = new Inbox<Told>();
  readonly ticks = new Map<string, Ticks>();
  readonly #arrivals = new Inbox<number>();
  #connections = 0;

  connection(): number {
    return ++this.#connections;
  }

  /** A numbered notification has arrived. */
  tick(session: string, number: number): void {
    this.ticksOf(session).heard.push(number);
    this.#arrivals.push(number);
  }

  /** Resolves when every numbered notification that was asked for has arrived. */
  async allTicks(ms: number): Promise<void> {
    const outstanding = () => [...this.ticks.values()].some(({ said, heard }) => [...said.keys()].some((tick) => !heard.includes(tick)));
    if (outstanding()) await this.#arrivals.next('numbered notifications', () => !outstanding(), ms);
  }

  /** A request had no answer at all: what rode on it besides is lost with it, and what it asked for may happen twice. */
  cut(session: string, tick: number | undefined): void {
    const { said, doubtful } = this.ticksOf(session);
    said.clear();
    if (tick !== undefined) doubtful.add(tick);
  }

  ticksOf(session: string): Ticks {
    let ticks = this.ticks.get(session);
    if (ticks === undefined) this.ticks.set(session, (ticks = { said: new Map(), heard: [], doubtful: new Set() }));
    return ticks;
  }
}
