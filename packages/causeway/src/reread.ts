/**
 * Owns reading the configuration again while a bridge runs (SIGHUP): the files of the start, with its flags and variables.
 *
 * Invariants: what cannot be used changes nothing, and is said in one line with every fault and its place; of what can be
 * used servers and limits are put to use, at once; what else has changed stays as it was, and is named.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, formatFault, loadConfig, type Config, type Loaded, type LoadInput } from '@causeway/config';
import { hasTerminal, type Log } from '@causeway/runtime';
import type { Worker } from '@causeway/worker';
import { missingCommand } from './not-found.ts';

/** What a bridge was started with. */
export interface Begun {
  readonly input: LoadInput;
  readonly loaded: Loaded;
}

export interface RereadDeps extends Begun {
  readonly log: Log;
  /** Absent: an edge, which has no use for servers and limits, and so only looks. */
  readonly worker?: Pick<Worker, 'serve'>;
  /** Told of the servers, and of the names of those that are new, or started otherwise now, and can be. */
  readonly served?: (servers: Config['servers'], names: readonly string[]) => void;
}

/** Whether SIGHUP means reading again: there is a file, and no terminal whose end sends it, too. */
export function rereads({ input, loaded }: Begun): boolean {
  return (loaded.file !== undefined || (input.imports ?? []).length > 0) && !hasTerminal();
}

export function rereader({ input, loaded, log, worker, served }: RereadDeps): () => void {
  // Nothing is searched for again: what was found is what is meant.
  const again: LoadInput = loaded.file === undefined ? input : { ...input, file: loaded.file };
  const told = new Set(loaded.warnings);
  return () => {
    let now: Loaded;
    try {
      now = loadConfig(again);
      if (worker && Object.keys(now.config.servers).length === 0)
        throw new ConfigError([{ where: now.file ?? 'settings', path: 'servers', text: 'there is none to run' }]);
    } catch (error) {
      const said = error instanceof ConfigError ? { faults: error.faults.map(formatFault) } : { err: error };
      return log.error(said, 'configuration cannot be used, the one before stays');
    }
    for (const warning of now.warnings) {
      if (!told.has(warning)) log.warn({ warning }, 'configuration has a warning');
      told.add(warning);
    }
    const settings = changedSettings(loaded, now);
    if (settings.length > 0) log.warn({ settings }, 'settings that change with a restart only stay as they were');
    if (!worker) return log.info({}, 'configuration read again');
    const { servers } = now.config;
    const replaced = worker.serve(now.config);
    log.info({ ...replaced }, 'configuration read again');
    const startable = [...replaced.added, ...replaced.changed].filter((server) => {
      const missing = missingCommand(servers[server]!, process.env);
      if (missing) log.warn({ server, why: missing.message, hint: missing.hints[0] }, 'server cannot be started');
      return !missing;
    });
    served?.(servers, startable);
  };
}

/** Of settings that are not put to use: which are others than at the start. */
function changedSettings({ config: before, origins }: Loaded, { config: now }: Loaded): readonly string[] {
  const left = [...origins.keys()].filter((path) => !path.startsWith('limits.'));
  return left.filter((path) => !isDeepStrictEqual(valueAt(before, path), valueAt(now, path)));
}

function valueAt(config: Config, path: string): unknown {
  let value: unknown = config;
  for (const key of path.split('.')) value = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  return value;
}
