/**
 * Owns gathering what is written in files: the main one, those that it imports, those named beside it. It yields
 * settings in long form and servers as they stand. Keeps: files are only read; a server's name is taken once; every
 * mistake is collected, none is thrown. It leaves checks, variables and flags to `load.ts`.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { faultAt, parseDocument, type Document } from './document.ts';
import type { Fault, Path } from './faults.ts';
import { findFile } from './find-file.ts';
import { foreignKey, importMcpServers, workspaceFolder, type RawServer } from './import-mcp-servers.ts';
import { interpolateTree, type Scope } from './interpolate.ts';
import { unknownKey } from './issues.ts';
import { longForm } from './long-form.ts';
import { fileSchema, settingsSchema } from './schema.ts';
import { readBeside, type ServerSource } from './servers.ts';
import { nearest } from './suggest.ts';

export interface CollectInput {
  readonly file?: string;
  readonly imports: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** In place of a file, when the key is there. */
  readonly value?: unknown;
  /** Look for a file when none is named. */
  readonly search: boolean;
  /** `false`: servers are passed over. */
  readonly servers: boolean;
}

export interface Collected {
  readonly main: Document | undefined;
  /** Settings by group. */
  readonly settings: Record<string, unknown>;
  readonly servers: readonly ServerSource[];
  readonly faults: Fault[];
  readonly warnings: string[];
}

export function collect(input: CollectInput): Collected {
  const work = new Collection(input);
  const main = work.open();
  const settings = main === undefined ? (Object.create(null) as Record<string, unknown>) : work.readMain(main);
  for (const file of input.imports) work.import(file, input.cwd);
  return { main, settings, servers: work.servers, faults: work.faults, warnings: work.warnings };
}

/** What `${…}` and relative names mean in the file at `absolute`. */
function scopeOf(absolute: string, env: Scope['env']): Scope {
  return { env, folder: workspaceFolder(absolute), home: homeOf(env), read: (file) => readBeside(dirname(absolute), file) };
}

/** A user whom the system has no entry for, as in a container that is started as any number, has a home only where he says so. */
function homeOf(env: Scope['env']): string | undefined {
  try {
    return env['HOME'] ?? homedir();
  } catch {
    return undefined;
  }
}

/** Settings that name a file, by their groups. */
const FILES: readonly (readonly [group: Path, keys: readonly string[]])[] = [
  [
    ['listen', 'tls'],
    ['certFile', 'keyFile', 'clientCaFile'],
  ],
  [['nats'], ['credsFile', 'nkeyFile']],
  [
    ['nats', 'tls'],
    ['caFile', 'certFile', 'keyFile'],
  ],
];

/** Keys and credentials are named as everything else is: from the directory of the file that says so. */
function fromDirectory(settings: Readonly<Record<string, unknown>>, directory: string): void {
  for (const [group, keys] of FILES) {
    const named = group.reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], settings);
    if (typeof named !== 'object' || named === null) continue;
    const files = named as Record<string, unknown>;
    for (const key of keys) if (typeof files[key] === 'string' && files[key] !== '') files[key] = resolve(directory, files[key]);
  }
}

const NO_CLIENTS = 'not a file of an MCP client: it has no "mcpServers", nor "servers" as VS Code writes them';

/** Several keys of which none is ours, nor meant to be one. */
function isOfSomethingElse(value: object): boolean {
  const known = Object.keys(fileSchema.shape);
  const keys = Object.keys(value).filter((name) => name !== '$schema');
  return keys.length > 1 && keys.every((name) => !known.includes(name) && nearest(name, known) === undefined);
}

class Collection {
  readonly #input: CollectInput;
  readonly faults: Fault[] = [];
  readonly warnings: string[] = [];
  readonly servers: ServerSource[] = [];

  constructor(input: CollectInput) {
    this.#input = input;
  }

  open(): Document | undefined {
    const { cwd, env, file, search } = this.#input;
    if ('value' in this.#input) return { file: 'options', value: this.#input.value, faults: [], place: () => undefined };
    if (file !== undefined) return this.#read(file, cwd);
    const named = env['CAUSEWAY_CONFIG'] ?? '';
    if (named !== '') return this.#read(named, cwd, (text) => ({ where: 'CAUSEWAY_CONFIG', path: '', text: `${named}: ${text}` }));
    const found = search ? findFile(cwd) : undefined;
    if (found === undefined) return undefined;
    if (found.foreign) this.warnings.push(`using ${found.file} (an MCP client's file, only read)`);
    return this.#read(found.file, cwd);
  }

  readMain(main: Document): Record<string, unknown> {
    const settings = Object.create(null) as Record<string, unknown>;
    if (main.value === null || main.value === undefined) return settings;
    if (typeof main.value !== 'object' || Array.isArray(main.value)) {
      this.#fault(main, [], 'expected an object with settings');
      return settings;
    }
    const key = this.#literal() ? undefined : foreignKey(main);
    if (key !== undefined) {
      this.#take(main, key, this.#input.cwd);
      return settings;
    }
    if (!this.#literal() && isOfSomethingElse(main.value)) {
      this.#fault(main, [], `no setting of causeway is in it, and it is ${NO_CLIENTS}`);
      return settings;
    }
    const absolute = resolve(this.#input.cwd, main.file);
    const scope = scopeOf(absolute, this.#input.env);
    const fault = (path: Path, text: string): void => this.#fault(main, path, text);
    for (const [name, value] of Object.entries(main.value)) {
      if (name === '$schema') continue;
      if (name === 'servers') this.#takeOwn(main, value, absolute);
      else if (name === 'import')
        this.#takeImports(main, this.#literal() ? value : interpolateTree(value, [name], scope, fault), dirname(absolute));
      else if (!Object.hasOwn(settingsSchema.shape, name))
        this.#fault(main, [name], unknownKey(name, Object.keys(fileSchema.shape)), 'key');
      else if (value !== null && value !== undefined)
        settings[name] = longForm(name, this.#literal() ? structuredClone(value) : interpolateTree(value, [name], scope, fault), fault);
    }
    if (!this.#literal()) fromDirectory(settings, dirname(absolute));
    return settings;
  }

  import(file: string, base: string, unread?: (text: string) => Fault): void {
    if (!this.#input.servers) return;
    const document = this.#read(base === this.#input.cwd ? file : resolve(base, file), base, unread);
    if (document?.value === undefined) return;
    const key = foreignKey(document);
    if (key === undefined) this.#fault(document, [], NO_CLIENTS);
    else this.#take(document, key, base);
  }

  /** `unread`: how it is told that there is no such file, where its name stands somewhere. */
  #read(file: string, base: string, unread = (text: string): Fault => ({ where: file, path: '', text })): Document | undefined {
    try {
      const document = parseDocument(file, readFileSync(resolve(base, file), 'utf8'));
      this.faults.push(...document.faults);
      return document;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      this.faults.push(unread(code === 'ENOENT' ? 'no such file' : `cannot be read (${code ?? (error as Error).message})`));
      return undefined;
    }
  }

  #takeOwn(main: Document, value: unknown, absolute: string): void {
    if (value === null) return;
    if (typeof value !== 'object' || Array.isArray(value))
      return this.#fault(main, ['servers'], 'expected an object with a server under each name');
    for (const [name, one] of Object.entries(value)) this.#add({ name, value: one, document: main, path: ['servers', name] }, absolute);
  }

  #takeImports(main: Document, value: unknown, base: string): void {
    const files: unknown[] = Array.isArray(value) ? value : [value];
    if (files.some((file) => typeof file !== 'string')) return this.#fault(main, ['import'], 'expected a list of files');
    for (const [at, file] of (files as string[]).entries())
      this.import(file, base, (text) => faultAt(main, Array.isArray(value) ? ['import', at] : ['import'], `${file}: ${text}`));
  }

  #take(document: Document, key: 'mcpServers' | 'servers', base: string): void {
    const { servers, warnings, faults } = importMcpServers(document, key);
    this.faults.push(...faults);
    if (!this.#input.servers) return;
    this.warnings.push(...warnings);
    for (const server of servers) this.#add(server, resolve(base, document.file));
  }

  #add(server: RawServer, absolute: string): void {
    if (!this.#input.servers) return;
    const twin = this.servers.find((other) => other.name === server.name);
    if (twin !== undefined)
      return this.#fault(server.document, server.path, `there is a server "${server.name}" in ${twin.document.file} already`, 'key');
    this.servers.push({
      ...server,
      folder: workspaceFolder(absolute),
      scope: this.#literal() ? undefined : scopeOf(absolute, this.#input.env),
    });
  }

  #literal(): boolean {
    return 'value' in this.#input;
  }

  #fault(document: Document, path: Path, text: string, part: 'key' | 'value' = 'value'): void {
    this.faults.push(faultAt(document, path, text, part));
  }
}
