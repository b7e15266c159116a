/** Owns what the two kinds of load clients have in common: what they are given, what they do, how a record begins and ends. */
import type { Agent } from 'node:http';
import type { Random } from '../harness/random.ts';
import type { Headers } from '../harness/speak.ts';
import type { Plan } from './plan.ts';
import type { CallRecord, Evidence, SessionRecord } from './records.ts';

/** Milliseconds after which an exchange without an outcome counts as silence. */
export const SILENCE = 30_000;

export interface ClientDeps {
  readonly agent: Agent;
  /** Edges that may be asked now. */
  readonly bases: () => readonly string[];
  readonly random: Random;
  readonly evidence: Evidence;
  readonly server: string;
  readonly client: string;
  /** Headers that say who the client is. */
  readonly identity: Headers;
}

export interface LoadClient {
  readonly record: SessionRecord;
  /** Never rejects: the record is in the evidence. `posted` is told of each attempt. */
  call(plan: Plan, posted?: (nonce: string) => void): Promise<CallRecord>;
  /** Ends the session, if it is not over, and everything that the client holds open. */
  close(): Promise<void>;
}

export interface Opened {
  readonly record: CallRecord;
  /** Absent if there is no session; the record says why. */
  readonly client?: LoadClient;
}

export function newRecord({ client, server }: ClientDeps, session: string, tool: string, own = 0): CallRecord {
  const counts = { retried: 0, resumed: 0, finals: 0 };
  return { client, session, server, tool, nonces: [], edges: [], began: Date.now(), ended: 0, outcome: 'silence', own, ...counts };
}

export function settle({ evidence }: ClientDeps, record: CallRecord): CallRecord {
  record.ended = Date.now();
  evidence.calls.push(record);
  return record;
}
