/**
 * Owns `causeway demo`: one session, its calls through a balancer over every edge, an edge and the session's own worker
 * killed on the way, and what the client saw of it. Exit 0 only if every call was answered, rightly. Keeps: what was killed is
 * started again, also where the demo ends early.
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { tokenOf } from '@causeway/protocol';
import { servedOn } from '../admin-file.ts';
import { Loss } from '../demo/loss.ts';
import { percentile, play, type Event, type Score } from '../demo/play.ts';
import { containersOf, kill, ownerOf, start, type Container } from '../demo/stack.ts';
import { EXIT, Failure } from '../failure.ts';
import { McpClient, type Attempt, type Endpoint } from '../mcp/client.ts';
import { bearer } from '../mcp/endpoint.ts';
import { optionFailure } from '../meant.ts';
import { print, printJson } from '../operation.ts';

interface Wanted {
  readonly endpoint: Endpoint;
  readonly calls: number;
  readonly together: number;
  readonly gap: number;
  readonly tool: string;
  readonly kill: { readonly edge: boolean; readonly worker: boolean };
  readonly json: boolean;
}

/** Milliseconds for which a refusal of the session is taken for a moment's. */
const PATIENCE = 15_000;

const USAGE = 'causeway demo [--url URL] [--api-key KEY] [--calls N] [--together N] [--kill-edge] [--kill-worker] [--format json]';

export async function demo(argv: readonly string[]): Promise<number> {
  const wanted = await options(argv);
  // A stack that is not there is said before anything is asked of it.
  const edges = wanted.kill.edge ? await containersOf('edge') : [];
  const workers = wanted.kill.worker ? await containersOf('worker') : [];
  const client = await McpClient.open(wanted.endpoint, { name: 'causeway-demo', patience: PATIENCE });
  const { session } = client;
  if (session === undefined) throw new Failure(EXIT.usage, `${wanted.endpoint.url} opens no session`);
  const story: string[] = [];
  const known = wanted.kill.edge || wanted.kill.worker;
  const owner = known ? await ownerOf(session) : undefined;
  if (!wanted.json)
    print([`session ${(tokenOf(session) ?? session).slice(0, 8)}${owner === undefined ? '' : ` on worker ${owner.worker}`}`]);
  const question = await questionOf(client, wanted.tool);
  const { events, losses } = eventsOf(wanted, { session, edges, workers, story });
  const score = await restoring(losses, () => play(client, { ...wanted, question, events }));
  const after = wanted.kill.worker && score.lost.length === 0 ? await ownerOf(session) : undefined;
  if (after !== undefined && after.worker !== owner?.worker) story.push(`the session went on at worker ${after.worker}`);
  await client.close();
  tell(wanted, score, story);
  return score.lost.length === 0 ? EXIT.ok : EXIT.unexpected;
}

interface Scene {
  readonly session: string;
  readonly edges: readonly Container[];
  readonly workers: readonly Container[];
  /** What happened, in order. */
  readonly story: string[];
}

/** Whatever ends it, Ctrl-C too, what was lost is there again. */
async function restoring<T>(losses: readonly Loss[], work: () => Promise<T>): Promise<T> {
  const restore = (): Promise<unknown> => Promise.allSettled(losses.map((loss) => loss.end()));
  const leave = (signal: NodeJS.Signals): void => void restore().then(() => process.exit(128 + constants.signals[signal]));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, leave);
  try {
    return await work();
  } finally {
    await restore();
    for (const signal of signals) process.off(signal, leave);
  }
}

/** The edge dies after a third of the calls, the owner after two; each is started again a sixth later. */
function eventsOf(
  { calls, kill: killed }: Wanted,
  { session, edges, workers, story }: Scene,
): { readonly events: readonly Event[]; readonly losses: readonly Loss[] } {
  const events: Event[] = [];
  const losses: Loss[] = [];
  const lose = (call: number, pick: () => Promise<Container | undefined>): void => {
    const back = Math.min(calls, call + Math.ceil(calls / 6));
    const loss = new Loss({ pick, kill, start });
    losses.push(loss);
    const begin = async (): Promise<void> => {
      const dead = await loss.begin();
      if (dead !== undefined) story.push(`${dead.name} killed at call ${call}, started again at call ${back}`);
    };
    events.push({ at: call, happen: begin }, { at: back, happen: () => loss.end() });
  };
  if (killed.edge) lose(Math.max(1, Math.floor(calls / 3)), async () => edges.at(-1));
  if (killed.worker)
    lose(Math.max(Math.min(2, calls), Math.floor((calls * 2) / 3)), async () => {
      const { host } = await ownerOf(session);
      return workers.find(({ id }) => host !== '' && id.startsWith(host));
    });
  return { events, losses };
}

/** `echo` with a text of its own where the server has the tool; else a ping, to which every server answers. */
async function questionOf(
  client: McpClient,
  tool: string,
): Promise<(client: McpClient, call: number) => Promise<Attempt & { readonly right: boolean }>> {
  const listed = await client.ask('tools/list', {});
  const tools = listed.kind === 'answered' ? (listed.result['tools'] as readonly { readonly name?: unknown }[] | undefined) : undefined;
  const has = tools?.some(({ name }) => name === tool) ?? false;
  return async (asked, call) => {
    const message = `call ${call} of the demo`;
    const attempt = has ? await asked.ask('tools/call', { name: tool, arguments: { message } }) : await asked.ask('ping', {});
    return { ...attempt, right: attempt.kind === 'answered' && (!has || JSON.stringify(attempt.result).includes(message)) };
  };
}

function tell({ json }: Wanted, score: Score, story: readonly string[]): void {
  const { wanted, latencies, served, again, lost } = score;
  const [p50, p99, longest] = [percentile(latencies, 50), percentile(latencies, 99), percentile(latencies, 100)].map(Math.round);
  if (json)
    return printJson({
      calls: wanted,
      answered: latencies.length,
      served: Object.fromEntries(served),
      story,
      again,
      lost,
      ms: { p50, p99, longest },
    });
  const by = [...served].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, count]) => `${name}: ${count}`);
  const repeated = again.cut + again.refused + again.unknown;
  print([
    ` calls ${latencies.length}/${wanted} ok${by.length === 0 ? '' : `    served by ${by.join(', ')}`}`,
    ...story.map((line) => ` ${line}`),
    ` asked again ${repeated}${repeated === 0 ? '' : `: ${again.cut} cut off, ${again.refused} refused before they ran, ${again.unknown} "unknown whether it ran"`}`,
    ` lost ${lost.length}   p50 ${p50} ms   p99 ${p99} ms   longest ${longest} ms${served.size > 1 ? '    sticky sessions: none' : ''}`,
    ...lost.slice(0, 10).map((line) => `  ${line}`),
  ]);
}

const OPTIONS = {
  url: { type: 'string' },
  'api-key': { type: 'string' },
  calls: { type: 'string', default: '200' },
  together: { type: 'string', default: '4' },
  gap: { type: 'string', default: '50' },
  tool: { type: 'string', default: 'echo' },
  format: { type: 'string', default: 'table' },
  'kill-edge': { type: 'boolean', default: false },
  'kill-worker': { type: 'boolean', default: false },
} as const;

async function options(argv: readonly string[]): Promise<Wanted> {
  const fail = (message: string): Failure => new Failure(EXIT.usage, message, [USAGE]);
  const count = (name: string, text: string, most: number): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > most) throw fail(`--${name} ${text}: a number from 1 to ${most}`);
    return value;
  };
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: OPTIONS,
    });
    const url = values.url ?? `${servedOn(8000)?.protocol ?? 'http:'}//localhost:8000/mcp`;
    if (!URL.canParse(url) || !/^https?:/.test(url)) throw fail(`${url} is no http URL`);
    const apiKey = values['api-key'];
    if (values.format !== 'table' && values.format !== 'json') throw fail(`--format ${values.format}: there are table and json`);
    return {
      endpoint: { url, headers: apiKey === undefined ? {} : bearer(apiKey) },
      calls: count('calls', values.calls, 100_000),
      together: count('together', values.together, 64),
      gap: count('gap', values.gap, 60_000),
      tool: values.tool,
      kill: { edge: values['kill-edge'], worker: values['kill-worker'] },
      json: values.format === 'json',
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw await optionFailure(error, OPTIONS, USAGE);
  }
}
