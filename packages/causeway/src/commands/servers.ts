/** Owns `causeway servers`: what the bridge serves, and who starts it. */
import type { ServerView } from '@causeway/edge';
import { AdminClient } from '../admin-client.ts';
import { EXIT } from '../failure.ts';
import { parseOperation, printList, subverb, warnOfBus } from '../operation.ts';
import { table, type Column } from '../table.ts';

const COLUMNS: readonly Column<ServerView>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'PATH', of: ({ name, path, default: root }) => [path ?? `/servers/${name}`, ...(root ? ['/'] : [])].join(' ') },
  { title: 'WORKERS', of: ({ workers }) => workers },
  { title: 'SESSIONS', of: ({ sessions }) => sessions },
  { title: 'LIMIT', of: ({ limit }) => limit },
  { title: 'RECOVERY', of: ({ recovery }) => recovery },
  { title: 'ERA', of: ({ eras }) => (eras === null || eras.length === 0 ? null : eras.join('+')) },
];

export async function servers(argv: readonly string[]): Promise<number> {
  const [, rest] = await subverb('servers', argv, ['ls']);
  const line = await parseOperation(rest, ['quiet'], 0);
  const view = await new AdminClient(line).ask<{ readonly servers: readonly ServerView[]; readonly bus: string }>('GET', 'servers');
  warnOfBus(view.bus);
  printList(line, { document: view, names: view.servers.map(({ name }) => name), lines: table(COLUMNS, view.servers), none: 'no servers' });
  return EXIT.ok;
}
