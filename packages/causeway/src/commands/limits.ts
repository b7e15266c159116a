/** Owns `causeway limits`: how much of each limit is used, in the whole cluster. */
import type { LimitView } from '@causeway/edge';
import { AdminClient } from '../admin-client.ts';
import { EXIT } from '../failure.ts';
import { parseOperation, printList, subverb, warnOfBus } from '../operation.ts';
import { table, type Column } from '../table.ts';

const COLUMNS: readonly Column<LimitView>[] = [
  { title: 'SCOPE', of: ({ scope }) => scope },
  { title: 'USED', of: ({ used }) => used },
  { title: 'MAX', of: ({ max }) => max },
];

export async function limits(argv: readonly string[]): Promise<number> {
  const [, rest] = await subverb('limits', argv, ['ls']);
  const line = await parseOperation(rest, ['quiet'], 0);
  const view = await new AdminClient(line).ask<{ readonly limits: readonly LimitView[]; readonly bus: string }>('GET', 'limits');
  warnOfBus(view.bus);
  printList(line, { document: view, names: view.limits.map(({ scope }) => scope), lines: table(COLUMNS, view.limits), none: 'no limits' });
  return EXIT.ok;
}
