/**
 * Owns the table of servers: those of files and those of the command line, with what flags and variables say of each.
 * Keeps: names are only names (no prototype); a server of the command line replaces the file's of that name; at most
 * one is the default, and a single one always is.
 */
import { bareSecondsBelow } from './bare-seconds.ts';
import type { Collected } from './collect.ts';
import { serverNameOf } from './command-line.ts';
import { faultAt, type Document } from './document.ts';
import { formatFault } from './faults.ts';
import { resolveServer, type ServerSource } from './servers.ts';
import type { Override } from './settings.ts';
import type { ServerConfig } from './types.ts';

/** A server given on the command line. */
export interface CommandServer {
  /** Absent: taken from the package's name. */
  readonly name?: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly default?: boolean;
  /** The flag, for messages. */
  readonly origin: string;
}

/** What of the input concerns servers. */
export interface TableInput {
  readonly cwd: string;
  readonly commands?: readonly CommandServer[];
}

export const PER_SERVER = 'servers.*.';

type Table<T> = Record<string, T>;
const table = <T>(): Table<T> => Object.create(null) as Table<T>;

/** What a command line says of its child goes to that child, not to all others of a file beside it. */
const CHILD_KEYS = ['env', 'envFile', 'cwd', 'shell', 'passEnvironment'];

export class ServerTable {
  readonly #input: TableInput;
  readonly #collected: Collected;
  readonly #forAll = table<Override>();
  readonly #forCommands = table<Override>();
  readonly #servers = table<ServerConfig>();
  /** Where each setting of a server comes from, by the server's name. */
  readonly origins = new Map<string, ReadonlyMap<string, string>>();

  constructor(input: TableInput, collected: Collected, overrides: readonly Override[]) {
    this.#input = input;
    this.#collected = collected;
    for (const override of overrides) {
      if (!override.path.startsWith(PER_SERVER)) continue;
      const key = override.path.slice(PER_SERVER.length);
      const narrow = CHILD_KEYS.includes(key) && (input.commands?.length ?? 0) > 0;
      (narrow ? this.#forCommands : this.#forAll)[key] = override;
    }
  }

  all(): Table<ServerConfig> {
    const commands = (this.#input.commands ?? []).map((command) => this.#source(command));
    const taken = new Set(commands.map((source) => source.name));
    for (const source of this.#collected.servers) if (!taken.has(source.name)) this.#put(source, this.#forAll);
    for (const source of commands) {
      if (Object.hasOwn(this.#servers, source.name)) {
        this.#collected.faults.push({
          where: source.document.file,
          path: '',
          text: `there are two servers "${source.name}": name one with --server name="…"`,
        });
      } else this.#put(source, { ...this.#forAll, ...this.#forCommands });
    }
    this.#markDefault(taken);
    return this.#servers;
  }

  /** The entry of a file that became the server of this name. */
  written(name: string): ServerSource | undefined {
    return this.#collected.servers.find((source) => source.name === name);
  }

  #put(source: ServerSource, overrides: Readonly<Table<Override>>): void {
    const { config, faults } = resolveServer(source, overrides);
    this.#collected.faults.push(...faults);
    if (config === undefined) return;
    for (const { path, text } of bareSecondsBelow(source.value, config))
      this.#collected.warnings.push(formatFault(faultAt(source.document, [...source.path, ...path], text)));
    this.origins.set(source.name, originsOf(source, overrides));
    this.#servers[source.name] = config;
  }

  #source(command: CommandServer): ServerSource {
    const { cwd } = this.#input;
    const name = command.name ?? serverNameOf(command.command, command.args);
    const document: Document = { file: command.origin, value: undefined, faults: [], place: () => undefined };
    const value = { command: command.command, args: command.args, ...(command.default === undefined ? {} : { default: command.default }) };
    // The user's shell has expanded the line already: what still looks like ${…} is meant so.
    return { name, value, document, path: ['servers', name], folder: cwd, scope: undefined };
  }

  /** `commands`: names of servers of the command line, where the main one is marked by its place. */
  #markDefault(commands: ReadonlySet<string>): void {
    const servers = this.#servers;
    const marked = Object.values(servers).filter((server) => server.default);
    if (marked.length > 1) {
      const text = `only one server can be the default, and ${marked.map(({ name }) => `"${name}"`).join(', ')} are`;
      const second = this.written(marked[1]!.name);
      this.#collected.faults.push(
        second === undefined
          ? { where: 'command line', path: 'servers', text }
          : faultAt(second.document, [...second.path, 'default'], text),
      );
    }
    const [only, ...others] = Object.values(servers);
    if (only === undefined || others.length > 0 || (only.default && !commands.has(only.name))) return;
    servers[only.name] = { ...only, default: true, defaultImplied: true };
  }
}

/** What is missing in it is a default. */
function originsOf({ document, path, value }: ServerSource, overrides: Readonly<Table<Override>>): ReadonlyMap<string, string> {
  const origins = new Map<string, string>();
  for (const key of Object.keys(value as object)) {
    const place = document.place([...path, key]);
    origins.set(key, place === undefined ? document.file : `${document.file}:${place.line}:${place.column}`);
  }
  for (const [key, { origin }] of Object.entries(overrides)) {
    const written = key === 'env' ? origins.get(key) : undefined;
    origins.set(key, written === undefined ? origin : `${written}, ${origin}`);
  }
  return origins;
}
