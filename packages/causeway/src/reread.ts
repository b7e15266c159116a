/**
 * Owns reading the configuration again while a bridge runs (SIGHUP): the files of the start, with its flags and variables.
 *
 * Invariants: what cannot be used changes nothing, and is said in one line with every fault and its place; of what can be
 * used servers, limits and API keys are put to use, at once; what else has changed stays as it was, and is named. A bridge that asks
 * who somebody is does not come to ask nobody.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, formatFault, loadConfig, type Config, type Loaded, type LoadInput } from '@causeway/config';
import { hasTerminal, type Log } from '@causeway/runtime';
import type { Edge } from '@causeway/edge';
import type { Worker } from '@causeway/worker';
import { missingCommand } from './not-found.ts';

/** What a bridge was started with. */
export interface Begun {
  readonly input: LoadInput;
  readonly loaded: Loaded;
}

export interface RereadDeps extends Begun {
  readonly log: Log;
  /** Has a use for servers and limits; absent: an edge alone. */
  readonly worker?: Pick<Worker, 'serve'>;
  /** Has a use for API keys; absent: a worker alone. */
  readonly edge?: Pick<Edge, 'renew'>;
  /** Told of the servers, and of the names of those that are new, or started otherwise now, and can be. */
  readonly served?: (servers: Config['servers'], names: readonly string[]) => void;
}

/** Whether SIGHUP means reading again: there is a file, and no terminal whose end sends it, too. */
export function rereads({ input, loaded }: Begun): boolean {
  return (loaded.file !== undefined || (input.imports ?? []).length > 0) && !hasTerminal();
}

export function rereader({ input, loaded, log, worker, edge, served }: RereadDeps): () => void {
  // Nothing is searched for again: what was found is what is meant.
  const again: LoadInput = loaded.file === undefined ? input : { ...input, file: loaded.file };
  const told = new Set(loaded.warnings);
  let keys = loaded.config.auth.apiKeys;
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
    const { apiKeys } = now.config.auth;
    const opens = keys.length > 0 && apiKeys.length === 0 && !asksOtherwise(loaded.config);
    if (edge && !opens && !isDeepStrictEqual(apiKeys, keys)) {
      edge.renew(apiKeys);
      log.info({ before: keys.map(({ id }) => id), now: apiKeys.map(({ id }) => id) }, 'api keys renewed');
      keys = apiKeys;
    }
    const settings = changedSettings(loaded, now).filter((path) => path !== 'auth.apiKeys' || (edge && opens));
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

/** Whether clients have to show something else than a key, as the bridge was started. */
function asksOtherwise({ auth: { jwt, identityHeader } }: Config): boolean {
  return jwt !== undefined || identityHeader !== undefined;
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
