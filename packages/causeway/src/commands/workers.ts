/** Owns `causeway workers`: ls, get, drain, resume. */
import type { WorkerDetail, WorkerView } from '@causeway/edge';
import { AdminClient } from '../admin-client.ts';
import { EXIT, Failure, say } from '../failure.ts';
import { confirm, parseOperation, print, printJson, printList, subverb, warnOfBus, workerName } from '../operation.ts';
import { age, card, mebibytes, table, type Column } from '../table.ts';

const COLUMNS: readonly Column<WorkerView>[] = [
  { title: 'ID', of: ({ id }) => id },
  { title: 'HOST', of: ({ host }) => host },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'SESSIONS', of: ({ sessions }) => sessions },
  { title: 'CAPACITY', of: ({ capacity }) => capacity },
  { title: 'VERSION', of: ({ version }) => version },
  { title: 'SERVERS', of: ({ servers }) => servers.join(' ') },
];

export async function workers(argv: readonly string[]): Promise<number> {
  const [verb, rest] = await subverb('workers', argv, ['ls', 'get', 'drain', 'resume']);
  if (verb === 'get') return get(rest);
  return verb === 'drain' || verb === 'resume' ? stand(verb, rest) : list(rest);
}

async function list(argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, ['quiet'], 0);
  const view = await new AdminClient(line).ask<{ readonly workers: readonly WorkerView[]; readonly bus: string }>('GET', 'workers');
  warnOfBus(view.bus);
  printList(line, { document: view, names: view.workers.map(({ id }) => id), lines: table(COLUMNS, view.workers), none: 'no workers' });
  return EXIT.ok;
}

async function get(argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, [], 1);
  const worker = await new AdminClient(line).ask<WorkerDetail>('GET', `workers/${named(line.words, 'get')}`);
  if (line.json) printJson(worker);
  else
    print(
      card([
        ['id', worker.id],
        ['host', worker.host],
        ['state', worker.process === null ? `${worker.state} (does not answer)` : worker.state],
        ['sessions', `${worker.sessions} of ${worker.capacity}`],
        ['version', worker.version],
        ['servers', worker.servers.join(' ')],
        ['pid', worker.process?.pid ?? null],
        ['uptime', worker.process === null ? null : age(worker.process.uptimeMs)],
        ['memory', worker.process === null ? null : mebibytes(worker.process.rssBytes)],
      ]),
    );
  return EXIT.ok;
}

async function stand(verb: 'drain' | 'resume', argv: readonly string[]): Promise<number> {
  const line = await parseOperation(argv, verb === 'drain' ? ['yes'] : [], 1);
  const word = named(line.words, verb);
  const client = new AdminClient(line);
  if (verb === 'drain') {
    const { id, host, sessions } = await client.ask<WorkerView>('GET', `workers/${word}`);
    await confirm(line.yes, `This drains the worker ${id} on ${host}: its ${sessions} sessions go on, and it takes no new ones.`);
  }
  const worker = await client.ask<WorkerView>('POST', `workers/${word}/${verb}`);
  if (line.json) printJson(worker);
  else if (verb === 'drain')
    say(`${worker.id} takes no new sessions; ${worker.sessions} go on. Undo: causeway workers resume ${worker.id}`);
  else say(`${worker.id} takes new sessions`);
  return EXIT.ok;
}

function named([word]: readonly string[], verb: string): string {
  if (word === undefined) throw new Failure(EXIT.usage, 'which worker?', [`causeway workers ${verb} ID`]);
  return workerName(word);
}
