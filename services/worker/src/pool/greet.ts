/**
 * Owns how a child of a pool is greeted before it serves anybody: the handshake of its era, in the name of the bridge.
 * Source: 2025-11-25 basic/lifecycle; 2026-07-28 server/discover.
 */
import {
  capabilitiesIn,
  CausewayError,
  LISTS,
  membersAt,
  membersIn,
  notificationOf,
  OWN_META,
  rawText,
  readHandshake,
  requestOf,
  valueAt,
  type Frame,
} from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { Proved } from '../era/eras.ts';
import { listsModern } from '../era/probe.ts';
import { Changes } from './changes.ts';
import { resultOf, type Era, type PooledProcess } from './pooled-process.ts';

/** Everything that a client could declare: so a server lists the same to all, and each request's own client is asked no more than it declared. */
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} };
/** The same, as it was written before there was more to say of it: early Java SDKs fail at a member that they do not know. */
const PLAIN = { elicitation: {}, sampling: {}, roots: {} };
const initialize = (capabilities: object): string =>
  JSON.stringify({ protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'causeway', version: '0' } });
/** Codes of a server that has not understood what it was asked: the parameters, or anything. */
const NOT_UNDERSTOOD: ReadonlySet<unknown> = new Set([-32602, -32603, -32700]);

export interface GreetDeps {
  readonly wheel: Wheel;
  /** Changes of the server's lists may have been missed. */
  readonly lapsed: () => void;
}

/** Shakes hands. Rejects with EraRefused, or with how the child ended. */
export async function greet(child: PooledProcess, deps: GreetDeps): Promise<void> {
  if (child.era === 'modern') {
    child.greeting = granted(child.era, await child.ask('server/discover', `{"_meta":${OWN_META}}`));
    child.changes = listening(child, deps);
    child.changes.begin(LISTS.filter((list) => `${list}ListChanged` in listChanges(child.greeting)));
    return;
  }
  const first = await child.ask('initialize', initialize(CAPABILITIES));
  const answer = NOT_UNDERSTOOD.has(codeOf(first)) ? await child.ask('initialize', initialize(PLAIN)) : first;
  child.greeting = granted(child.era, answer);
  child.batches = readHandshake(answer.bytes)?.revision === '2025-03-26';
  child.serverInfo = serverInfoOf(child.greeting);
  child.tell(notificationOf('notifications/initialized'));
  // Each request chooses what it wants to hear; the child is to say everything.
  if (capabilitiesIn(child.greeting)('logging')) await child.ask('logging/setLevel', '{"level":"debug"}');
}

function listening(child: PooledProcess, { wheel, lapsed }: GreetDeps): Changes {
  return new Changes({
    ...{ wheel, lapsed },
    open: (notifications, over) => {
      const id = child.begin({ waits: false, answered: over, failed: () => undefined });
      const params = `{"notifications":${notifications},"_meta":${OWN_META}}`;
      try {
        child.write(requestOf(id, 'subscriptions/listen', params));
        return id;
      } catch {
        child.forget(id);
        return undefined;
      }
    },
    forget: (id) => child.forget(id),
    cancel: (id) => {
      child.forget(id);
      child.cancel(id, 'replaced');
    },
  });
}

/** The changes of lists that a server announces, as a subscription names them. */
export function listChanges(greeting: string): Readonly<Record<string, true>> {
  const declares = capabilitiesIn(greeting);
  const lists = LISTS.filter((list) => declares(list, 'listChanged'));
  return Object.fromEntries(lists.map((list) => [`${list}ListChanged`, true as const]));
}

/** Whether a server tells of changes of single resources. */
export function tellsOfResources(greeting: string): boolean {
  return capabilitiesIn(greeting)('resources', 'subscribe');
}

/** The server does not greet as its era does. */
export class EraRefused extends CausewayError {
  readonly era: Era;
  /** What its refusal says of its eras. */
  readonly proved: Proved;

  /** `stderr`: its last words. */
  constructor(era: Era, proved: Proved, stderr: readonly string[] = []) {
    super('server.start_failed', { message: 'The MCP server refused to begin.', facts: { stderr } });
    this.era = era;
    this.proved = proved;
  }
}

function provedBy(era: Era, refusal: Buffer): Proved {
  if (era === 'modern') return { modern: false };
  return listsModern(refusal) ? { modern: true, legacy: false } : { legacy: false };
}

function codeOf({ bytes, error }: Frame): unknown {
  const span = membersIn(bytes, error)?.of.get('code');
  return span && valueAt(bytes, span);
}

function granted(era: Era, answer: Frame): string {
  const result = resultOf(answer);
  if (result === undefined) throw new EraRefused(era, provedBy(era, answer.bytes));
  return result;
}

/** Raw JSON text of what a server with a handshake calls itself. */
function serverInfoOf(greeting: string): string | undefined {
  const bytes = Buffer.from(greeting);
  const span = membersAt(bytes)?.of.get('serverInfo');
  return span && rawText(bytes, span);
}
