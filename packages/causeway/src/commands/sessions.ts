/** Owns `causeway sessions`: ls, get, kill. */
import type { SessionDescription } from '@causeway/cluster';
import type { ServerView, SessionsView } from '@causeway/edge';
import { AdminClient } from '../admin-client.ts';
import { EXIT, Failure, say, warn } from '../failure.ts';
import { meant } from '../meant.ts';
import { confirm, parseOperation, print, printJson, printList, sessionName, subverb } from '../operation.ts';
import { age, card, table, type Column } from '../table.ts';

/** Characters of an id that are shown where people read. */
const SHORT = 8;

const COLUMNS: readonly Column<SessionDescription>[] = [
  { title: 'ID', of: ({ id }) => id.slice(0, SHORT) },
  { title: 'SERVER', of: ({ server }) => server },
  { title: 'WORKER', of: ({ worker }) => worker },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'IDENTITY', of: ({ identity }) => identity },
  { title: 'AGE', of: ({ opened }) => age(Date.now() - Date.parse(opened)) },
  { title: 'IDLE', of: ({ idleMs }) => idle(idleMs) },
  { title: 'CALLS', of: ({ calls }) => calls },
  { title: 'STREAMS', of: ({ streams }) => streams },
  { title: 'PID', of: ({ pid }) => pid },
];

const idle = (ms: number | null): string | null => (ms === null ? null : age(ms));

export async function sessions(argv: readonly string[]): Promise<number> {
  const [verb, rest] = await subverb('sessions', argv, ['ls', 'get', 'kill']);
  if (verb === 'get') return get(rest);
  return verb === 'kill' ? kill(rest) : list(rest);
}

async function list(argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, ['quiet', 'server', 'limit'], 0);
  const query = new URLSearchParams();
  if (line.server !== undefined) query.set('server', line.server);
  if (line.limit !== undefined) query.set('limit', line.limit);
  const client = new AdminClient(line);
  const view = await client.ask<SessionsView>('GET', query.size === 0 ? 'sessions' : `sessions?${query.toString()}`);
  for (const worker of view.unanswered) warn(`the worker ${worker} did not answer; its sessions are missing here`);
  printList(line, {
    document: view,
    names: view.sessions.map(({ id }) => id),
    lines: table(COLUMNS, view.sessions),
    none: line.server === undefined ? 'no sessions' : `no sessions of "${line.server}"`,
  });
  if (line.server !== undefined && view.total === 0) await warnOfTypo(client, line.server);
  if (!line.json && view.total > view.sessions.length) say(`${view.sessions.length} of ${view.total}; --limit N shows more`);
  return EXIT.ok;
}

/** Sessions of a server that nobody serves may be there all the same: what looks like a mistyped name is no error. */
async function warnOfTypo(client: AdminClient, server: string): Promise<void> {
  const { servers } = await client.ask<{ readonly servers: readonly ServerView[] }>('GET', 'servers');
  const names = servers.map(({ name }) => name);
  const guess = names.includes(server) ? undefined : await meant(server, names);
  if (guess !== undefined) warn(`no worker serves "${server}"; did you mean "${guess}"?`);
}

async function get(argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, [], 1);
  if (line.words[0] === undefined) throw new Failure(EXIT.usage, 'which session?', ['causeway sessions get ID']);
  const session = await new AdminClient(line).ask<SessionDescription>('GET', `sessions/${sessionName(line.words[0])}`);
  if (line.json) printJson(session);
  else
    print(
      card([
        ['id', session.id],
        ['server', session.server],
        ['state', session.state],
        ['worker', session.worker],
        ['epoch', session.epoch],
        ['identity', session.identity],
        ['transport', session.transport],
        ['revision', session.revision],
        ['opened', `${session.opened} (${age(Date.now() - Date.parse(session.opened))} ago)`],
        ['idle', idle(session.idleMs)],
        ['calls', session.calls],
        ['streams', session.streams],
        ['pid', session.pid],
      ]),
    );
  return EXIT.ok;
}

/** All of them are found before the first is ended. */
async function kill(argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, ['yes'], Infinity);
  if (line.words.length === 0) throw new Failure(EXIT.usage, 'which session?', ['causeway sessions kill ID…']);
  const client = new AdminClient(line);
  const found = new Map<string, SessionDescription>();
  for (const word of line.words) {
    const session = await client.ask<SessionDescription>('GET', `sessions/${sessionName(word)}`);
    found.set(session.id, session);
  }
  await confirm(line.yes, `This ends ${[...found.values()].map(described).join(', ')}.`);
  const ended: SessionDescription[] = [];
  for (const session of found.values()) {
    ended.push(await end(client, session));
    if (!line.json) say(`ended ${session.id.slice(0, SHORT)} (${session.server})`);
  }
  if (line.json) printJson({ sessions: ended });
  return EXIT.ok;
}

function described({ id, server, calls }: SessionDescription): string {
  return `${id.slice(0, SHORT)} (${server}, ${calls === 1 ? '1 call' : `${calls} calls`} in flight)`;
}

/** One that ended by itself meanwhile is ended. */
async function end(client: AdminClient, session: SessionDescription): Promise<SessionDescription> {
  try {
    return await client.ask<SessionDescription>('DELETE', `sessions/${session.id}`);
  } catch (error) {
    if (error instanceof Failure && error.reason === 'request.session_unknown') return { ...session, state: 'ended' };
    throw error;
  }
}
