/**
 * Owns `causeway warm`: every server is started once and asked to initialize, so that what it has to download is there
 * when somebody waits for it. Exit 0 when all answered, else 5. Keeps: a few at once, and nothing is left of them.
 */
import { durationMs, loadConfig, nearest, splitCommand, type Config, type ServerConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import { runProcess, silentLog } from '@causeway/runtime';
import { openProbes, type Probes } from '@causeway/worker';
import { EXIT, Failure, report, say, strayWarning, warn } from '../failure.ts';
import { missingCommand } from '../not-found.ts';
import { formatOf, printJson, takeOption } from '../operation.ts';
import { loadInput } from '../options.ts';
import { parseLine } from '../parse-line.ts';
import { Progress, seconds } from '../progress.ts';
import { childFailure } from '../start-failure.ts';

/** Milliseconds that a server is given, which may have much to download. */
const BUDGET = 600_000;
const AT_ONCE = 4;

export async function warm(argv: readonly string[]): Promise<number> {
  const format = formatOf(argv);
  const { value, rest } = takeOption(format.rest, '--timeout');
  const timeout = value === undefined ? BUDGET : durationMs(value);
  if (timeout === undefined || timeout <= 0) throw new Failure(EXIT.usage, `--timeout ${value}: expected a time, e.g. 5m`);
  const line = parseLine('warm', rest);
  const command = rest.includes('--') ? rest.slice(rest.indexOf('--') + 1) : [];
  const named = line.words.slice(0, line.words.length - command.length);
  if (named.length > 0 && command.length > 0) throw new Failure(EXIT.usage, 'names of servers or a command, not both');
  const { config, warnings } = loadConfig(loadInput({ ...line, words: command }, splitCommand));
  for (const text of warnings) warn(text);
  const servers = chosen(config, named).map((server): ServerConfig => ({ ...server, startTimeout: timeout }));
  let code: number = EXIT.ok;
  return runProcess({
    log: silentLog(),
    drain: { timeout: 0, delay: 0 },
    failed: report,
    // It is never ready: told to stop, it is a start that is abandoned.
    start: async (abandon) => {
      await using probes = await openProbes(silentLog(), config.worker);
      abandon.addEventListener('abort', () => void probes[Symbol.asyncDispose](), { once: true });
      const outcomes = await warmAll(probes, servers, abandon);
      if (format.json && !abandon.aborted) printJson({ servers: outcomes });
      if (outcomes.some(({ ok }) => !ok)) code = EXIT.child;
      return { drain: async () => undefined, ended: Promise.resolve(code), [Symbol.asyncDispose]: async () => undefined };
    },
  });
}

function chosen({ servers }: Config, names: readonly string[]): ServerConfig[] {
  const known = Object.keys(servers);
  if (known.length === 0)
    throw new Failure(EXIT.usage, 'there is no server to warm', ['give a file, or a command:  causeway warm -- COMMAND']);
  for (const name of names) {
    if (Object.hasOwn(servers, name)) continue;
    const meant = nearest(name, known);
    throw new Failure(EXIT.usage, `there is no server "${name}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`, [
      `there are: ${known.join(', ')}; a command stands behind "--"`,
    ]);
  }
  return (names.length === 0 ? known : [...new Set(names)]).map((name) => servers[name]!);
}

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

async function warmAll(probes: Probes, servers: readonly ServerConfig[], abandon: AbortSignal): Promise<readonly Outcome[]> {
  using progress = new Progress();
  const outcomes = new Map<string, Outcome>();
  const left = servers.values();
  const work = async (): Promise<void> => {
    for (const server of left) {
      if (abandon.aborted) return;
      outcomes.set(server.name, await warmOne(probes, server, progress, abandon));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return servers.flatMap(({ name }) => outcomes.get(name) ?? []);
}

async function warmOne(probes: Probes, server: ServerConfig, progress: Progress, abandon: AbortSignal): Promise<Outcome> {
  const { name } = server;
  const item = progress.begin(name, `starting ${server.command}`);
  const begun = performance.now();
  const outcome = (ok: boolean): Outcome => ({ name, ok, ms: Math.round(performance.now() - begun) });
  try {
    const missing = missingCommand(server, process.env);
    if (missing !== undefined) throw missing;
    const stray = await probes.probe(server, (lastWords) => (item.words = () => lastWords().at(-1)));
    progress.end(name, (ms) => {
      say(`${name}: answers after ${seconds(ms)}`);
      if (stray !== undefined) warn(strayWarning(name, stray));
    });
    return outcome(true);
  } catch (error) {
    const failure = error instanceof Failure ? error : childFailure(server, error);
    progress.end(name, () => (abandon.aborted ? undefined : report(failure)));
    const { message, hints } = failure;
    const code = error instanceof CausewayError ? error.reason : 'notFound';
    return { ...outcome(false), error: { code, message, ...(hints.length === 0 ? {} : { hint: hints.join('\n') }) } };
  }
}
