/**
 * Owns the whole way from what users wrote to a checked `Config`: what the files say (`collect.ts`), variables and
 * flags laid over it, every check.
 *
 * Invariants: flag > variable > file > default; all faults are reported together; the result is frozen; no file is
 * ever written; a public address must have been said by flag or variable, a file alone does not open it.
 */
import { createHash } from 'node:crypto';
import { bareSecondsBelow } from './bare-seconds.ts';
import { collect, type Collected } from './collect.ts';
import { PER_SERVER, ServerTable, type CommandServer } from './server-table.ts';
import { faultAt, type Document } from './document.ts';
import { ConfigError, formatFault, pathText, type Fault, type Path } from './faults.ts';
import { findings } from './issues.ts';
import { mistypedVariables } from './mistyped.ts';
import { pathFaults } from './own-paths.ts';
import { reachFaults, reachWarnings } from './reach.ts';
import { settingsSchema, type ParsedSettings } from './schema.ts';
import { checkOverride, environmentOverrides, members, setIn, settingPaths, variablesOf, type Override } from './settings.ts';
import type { Config, JwtConfig } from './types.ts';

export interface LoadInput {
  /** The file named by the user; absent: `$CAUSEWAY_CONFIG`, then the search order unless there are `commands`. */
  readonly file?: string;
  /** Further client files whose servers are added. */
  readonly imports?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly overrides?: readonly Override[];
  readonly commands?: readonly CommandServer[];
  /** In place of a file: what one would hold, with `${…}` taken literally. Nothing is searched for. */
  readonly value?: unknown;
  /** `false`: servers are neither read nor checked (an edge learns them from the workers). Default `true`. */
  readonly servers?: boolean;
  /** `false`: nothing is served from here, and no word is lost on who could reach it (a worker, a check). Default `true`. */
  readonly listens?: boolean;
}

export interface Loaded {
  readonly config: Config;
  /** One line each, for people. */
  readonly warnings: readonly string[];
  /** Where each setting comes from, by path: `file:line:column`, a variable, a flag, or `default`. */
  readonly origins: ReadonlyMap<string, string>;
  /** The same of the settings of each server, by its name; what is missing is a default. */
  readonly serverOrigins: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The file that was read, as the user named it. */
  readonly file: string | undefined;
}

/** Throws a `ConfigError` with every fault. */
export function loadConfig(input: LoadInput): Loaded {
  const commands = input.commands ?? [];
  const imports = input.imports ?? [];
  const collected = collect({
    ...(input.file === undefined ? {} : { file: input.file }),
    imports,
    env: input.env,
    cwd: input.cwd,
    ...('value' in input ? { value: input.value } : {}),
    search: commands.length + imports.length === 0,
    servers: input.servers !== false,
  });
  const { faults, warnings, main, settings: raw } = collected;
  const overrides = checkedOverrides(input, collected);
  const fromFile = new Set(settingPaths().filter((path) => present(raw, path.split('.'))));
  const said = 'value' in input;
  for (const { path, value } of overrides) {
    fromFile.delete(path);
    if (!path.startsWith(PER_SERVER)) setIn(raw, path.split('.'), value);
  }
  const origins = originsOf(main, fromFile, overrides);
  const settings = checkSettings(raw, main, origins, faults);
  const all = new ServerTable(input, collected, overrides);
  const servers = input.servers === false ? {} : all.all();
  faults.push(
    ...pathFaults({ http: settings?.http, servers: Object.values(servers), main, origins, written: (name) => all.written(name) }),
  );
  if (settings !== undefined) {
    const files = said ? new Set<string>() : fromFile;
    const reach = { settings, main, fromFile: files };
    faults.push(...reachFaults(reach));
    for (const { path, text } of bareSecondsBelow(raw, settings))
      if (main !== undefined && fromFile.has(path.join('.'))) warnings.push(formatFault(faultAt(main, path, text)));
    if (input.listens !== false) warnings.push(...reachWarnings(reach));
  }
  const mistyped = mistypedVariables(input.env);
  if (faults.length > 0 || settings === undefined) throw new ConfigError(faults.toSorted(byPlace), mistyped);
  return {
    config: freeze({ ...settings, auth: hashed(settings), servers }) as Config,
    warnings: [...warnings, ...mistyped],
    origins,
    serverOrigins: all.origins,
    file: main?.file,
  };
}

/** Variables, then flags, so that the latter win; each is checked by itself, for the sake of its message. */
function checkedOverrides(input: LoadInput, { faults, warnings }: Collected): Override[] {
  return [...environmentOverrides(input.env), ...(input.overrides ?? [])].flatMap((override) => {
    const result = checkOverride(override);
    if ('faults' in result) return (faults.push(...result.faults), []);
    const { value, odd } = result;
    if (odd !== undefined) warnings.push(`${override.origin} ${String(override.value)}: ${odd}`);
    return [{ ...override, value }];
  });
}

function originsOf(main: Document | undefined, fromFile: ReadonlySet<string>, overrides: readonly Override[]): Map<string, string> {
  const origins = new Map(settingPaths().map((path) => [path, 'default']));
  for (const path of fromFile) {
    const place = main?.place(path.split('.'));
    origins.set(path, place === undefined ? main!.file : `${main!.file}:${place.line}:${place.column}`);
  }
  for (const { path, origin } of overrides) origins.set(path, origin);
  return origins;
}

function checkSettings(
  raw: unknown,
  main: Document | undefined,
  origins: ReadonlyMap<string, string>,
  faults: Fault[],
): ParsedSettings | undefined {
  const result = settingsSchema.safeParse(raw);
  if (result.success) return result.data;
  for (const found of findings(result.error.issues, { input: raw, root: [], known: keysAt })) {
    const setting = settingAt(found.path, origins);
    const origin = origins.get(setting);
    const elsewhere = origin !== undefined && origin !== 'default' && !origin.startsWith(`${main?.file}`);
    const asked = origin === 'default' && !present(raw, found.path) ? askedBy(setting, main, origins) : undefined;
    if (asked !== undefined) {
      faults.push({ where: asked, path: pathText(found.path), text: `${found.text}; ${variablesOf(setting)[0]} sets it` });
      continue;
    }
    faults.push(
      main === undefined || elsewhere
        ? { where: elsewhere ? origin : 'settings', path: pathText(found.path), text: found.text }
        : faultAt(main, found.path, found.text, found.part),
    );
  }
  return undefined;
}

/** The setting at a path, or that the path leads into. */
function settingAt(path: Path, origins: ReadonlyMap<string, string>): string {
  const names = path.map((_, at) => path.slice(0, at + 1).join('.'));
  return names.find((name) => origins.has(name)) ?? path.slice(0, 2).join('.');
}

/** What makes `setting` necessary, where its group is set by variables and flags alone. */
function askedBy(setting: string, main: Document | undefined, origins: ReadonlyMap<string, string>): string | undefined {
  const group = setting.slice(0, setting.lastIndexOf('.') + 1);
  const said = [...origins].flatMap(([path, origin]) => (path.startsWith(group) && origin !== 'default' ? [origin] : []));
  return main !== undefined && said.some((origin) => origin.startsWith(main.file)) ? undefined : said[0];
}

/** In the order in which they stand in a file; those of different files, or of none, as they were found. */
function byPlace(a: Fault, b: Fault): number {
  return a.where !== b.where ? 0 : (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** The keys that the schema knows at a path. */
function keysAt(path: Path): readonly string[] {
  let shape = members(settingsSchema);
  for (const key of path) shape = shape?.[key] === undefined ? undefined : members(shape[key]);
  return Object.keys(shape ?? {});
}

function hashed({ auth }: ParsedSettings): Config['auth'] {
  const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
  const { apiKeys, identityHeader, jwt, ...rest } = auth;
  return {
    ...rest,
    ...(jwt === undefined ? {} : { jwt: jwt as JwtConfig }),
    apiKeys: apiKeys.map((key) => ({ id: key.id, sha256: 'key' in key ? sha256(key.key) : key.sha256.toLowerCase() })),
    ...(identityHeader === undefined ? {} : { identityHeader: identityHeader.toLowerCase() }),
  };
}

function present(value: unknown, path: Path): boolean {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as Record<string, unknown>)[key];
  }
  return true;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const one of Object.values(value)) freeze(one);
    Object.freeze(value);
  }
  return value;
}
