/**
 * Owns making a server entry, wherever it was written, into a `ServerConfig`: expansion, checks, the environment
 * file, defaults that depend on the command. It leaves running it to the worker.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { defaultStartTimeout } from './command-line.ts';
import { faultAt } from './document.ts';
import type { Fault, Path } from './faults.ts';
import type { RawServer } from './import-mcp-servers.ts';
import { interpolateTree, type Scope } from './interpolate.ts';
import { findings } from './issues.ts';
import { isServerName, serverSchema, toServerName } from './schema.ts';
import type { Override } from './settings.ts';
import type { ServerConfig } from './types.ts';

const FILE_BYTES = 1024 * 1024;
/** Reads a small text file named in a config, without the mark that some editors put before it; relative names start at `folder`. */
export function readBeside(folder: string, file: string): string {
  const path = resolve(folder, file);
  if (statSync(path).size > FILE_BYTES) throw new Error('larger than 1 MiB');
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
}

export interface ServerSource extends RawServer {
  /** Absent: `${…}` is text. */
  readonly scope: Scope | undefined;
  /** Absolute directory that relative `cwd` and `envFile` start at. */
  readonly folder: string;
}

export interface ServerResult {
  readonly config: ServerConfig | undefined;
  readonly faults: readonly Fault[];
}

/** `said`: what flags and variables say of it, by setting. */
export function resolveServer(source: ServerSource, said: Readonly<Record<string, Override>>): ServerResult {
  const { name, document, path, scope, folder } = source;
  const overrides = Object.fromEntries(Object.entries(said).map(([key, { value }]) => [key, value]));
  const faults: Fault[] = [];
  const fault = (at: Path, text: string, part: 'key' | 'value' = 'value'): void => {
    faults.push(faultAt(document, at, text, part));
  };
  if (!isServerName(name))
    fault(
      path,
      `not a server name: letters, digits, dot, underscore, hyphen, up to 64 (did you mean ${JSON.stringify(toServerName(name))}?)`,
      'key',
    );
  const expanded = scope === undefined ? source.value : interpolateTree(source.value, path, scope, fault);
  const input = isFields(expanded) ? { ...expanded, ...overrides } : expanded;
  // Variables from outside are added; everything else is replaced.
  if (isFields(input) && isFields(expanded) && isFields(expanded['env']) && isFields(overrides['env']))
    input['env'] = { ...expanded['env'], ...overrides['env'] };
  const result = serverSchema.safeParse(input);
  if (!result.success) {
    const known = (): readonly string[] => Object.keys(serverSchema.shape);
    const checked = { input, root: ['servers', name], known, written: scope === undefined ? undefined : source.value };
    for (const found of findings(result.error.issues, checked)) fault([...path, ...found.path], found.text, found.part);
    return { config: undefined, faults };
  }
  const { command, cwd, envFile, env, startTimeout, path: ownPath, limits, ...rest } = result.data;
  const fromFile =
    envFile === undefined
      ? {}
      : readEnv(folder, envFile, (text) => {
          const found = faultAt(document, [...path, 'envFile'], text);
          faults.push(said['envFile'] === undefined ? found : { where: said['envFile'].origin, path: found.path, text });
        });
  const config: ServerConfig = {
    name,
    command,
    ...rest,
    env: Object.assign(Object.create(null) as Record<string, string>, fromFile, env),
    ...(cwd === undefined ? {} : { cwd: resolve(folder, cwd) }),
    ...(ownPath === undefined ? {} : { path: ownPath }),
    limits: limits.sessions === undefined ? {} : { sessions: limits.sessions },
    startTimeout: startTimeout ?? defaultStartTimeout(command),
  };
  return { config, faults };
}

function readEnv(folder: string, file: string, fault: (text: string) => void): Record<string, string> {
  try {
    return parseEnv(readBeside(folder, file)) as Record<string, string>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    fault(`${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code ?? message})`}`);
    return {};
  }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
