/**
 * Owns reading the files of MCP clients: `mcpServers` (Claude Desktop and Code, Cursor, Inspector, mcp-proxy)
 * and `servers` + `inputs` of VS Code. Pure: it maps what was parsed.
 *
 * Invariants: such a file is never written; what it says for somebody else costs a warning line, never an error;
 * entries that are not stdio servers are skipped by name. Mapped entries have the form of our own schema and go
 * through the same checks.
 */
import { basename, dirname } from 'node:path';
import { faultAt, type Document } from './document.ts';
import type { Fault, Path } from './faults.ts';
import { fileSchema, isServerName, toServerName } from './schema.ts';

/** A server as written, before expansion and checks. */
export interface RawServer {
  readonly name: string;
  readonly value: unknown;
  /** Where it was written. */
  readonly document: Document;
  readonly path: Path;
}

export interface Imported {
  readonly servers: readonly RawServer[];
  readonly warnings: readonly string[];
  readonly faults: readonly Fault[];
}

type Fields = Readonly<Record<string, unknown>>;

/** The key below which a client's file lists its servers; `undefined` if the file is in our own form. */
export function foreignKey(document: Document): 'mcpServers' | 'servers' | undefined {
  const { value, file } = document;
  if (!isFields(value)) return undefined;
  if (Object.hasOwn(value, 'mcpServers')) return 'mcpServers';
  if (!isFields(value['servers'])) return undefined;
  if (Array.isArray(value['inputs']) || /^\.?mcp\.json$/.test(basename(file))) return 'servers';
  const marks = ['type', 'url', 'sandboxEnabled', 'sandbox', 'dev'];
  return Object.values(value['servers']).some((entry) => isFields(entry) && marks.some((mark) => Object.hasOwn(entry, mark)))
    ? 'servers'
    : undefined;
}

/** The directory that `${workspaceFolder}` and relative paths of a file mean: for `.vscode/mcp.json` the one above. */
export function workspaceFolder(absolute: string): string {
  const folder = dirname(absolute);
  return ['.vscode', '.cursor'].includes(basename(folder)) ? dirname(folder) : folder;
}

export function importMcpServers(document: Document, key: 'mcpServers' | 'servers'): Imported {
  const root = document.value as Fields;
  const servers: RawServer[] = [];
  const warnings: string[] = [];
  const ignored = new Set(Object.keys(root).filter((name) => ![key, 'inputs', '$schema'].includes(name)));
  // A guard written beside mcpServers must not be dropped with a warning.
  const ours = [...ignored].filter((name) => Object.hasOwn(fileSchema.shape, name) && name !== 'servers');
  const text = `this is a setting of causeway, and the file is one of an MCP client ("${key}"): put it into causeway.yaml with "import: [${basename(document.file)}]"`;
  const faults = ours.map((name) => faultAt(document, [name], text, 'key'));
  for (const name of ours) ignored.delete(name);
  const entries = root[key];
  if (!isFields(entries)) faults.push(faultAt(document, [key], 'expected an object with a server under each name'));
  for (const [name, entry] of Object.entries(isFields(entries) ? entries : {})) {
    const mapped = mapEntry(name, entry);
    if ('skipped' in mapped) {
      warnings.push(`${document.file}: skipped "${name}": ${mapped.skipped}`);
      continue;
    }
    for (const unknown of mapped.unknown) ignored.add(`${name}.${unknown}`);
    if (mapped.note !== undefined) warnings.push(`${document.file}: ${name}: ${mapped.note}`);
    servers.push({ name, value: mapped.value, document, path: [key, name] });
  }
  if (ignored.size > 0) warnings.push(`${document.file}: ignored ${[...ignored].join(', ')}`);
  return { servers, warnings, faults };
}

type Mapped = { readonly skipped: string } | { readonly value: Fields; readonly unknown: readonly string[]; readonly note?: string };

const TAKEN = ['command', 'args', 'env', 'cwd', 'envFile'];
const READ = [...TAKEN, 'type', 'transportType', 'transport', 'disabled', 'enabled', 'timeout'];

function mapEntry(name: string, entry: unknown): Mapped {
  if (!isFields(entry)) return { skipped: 'it is not an object' };
  const transport = entry['type'] ?? entry['transportType'] ?? entry['transport'];
  const remote = ['url', 'serverUrl', 'httpUrl'].some((field) => Object.hasOwn(entry, field));
  if (remote && typeof entry['command'] !== 'string') return { skipped: 'it is a remote server (url); only stdio servers are served' };
  if (typeof transport === 'string' && !/^(?:stdio|local)$/i.test(transport))
    return { skipped: `it is a remote server (${transport}); only stdio servers are served` };
  if (entry['disabled'] === true || entry['enabled'] === false) return { skipped: 'it is disabled in that file' };
  if (typeof entry['command'] !== 'string') return { skipped: 'it has no command' };
  if (!isServerName(name))
    return { skipped: `a name has letters, digits, dot, underscore, hyphen, up to 64; e.g. --server "${toServerName(name)}=…"` };
  const value = Object.create(null) as Record<string, unknown>;
  for (const field of TAKEN) if (entry[field] !== undefined && entry[field] !== null) value[field] = entry[field];
  if (isFields(value['env'])) value['env'] = Object.fromEntries(Object.entries(value['env']).filter(([, one]) => one !== null));
  const timeout = entry['timeout'];
  let note: string | undefined;
  if (typeof timeout === 'number' && timeout > 0) {
    // Clients write seconds; a few write milliseconds, and nobody means a call of an hour or more.
    value['requestTimeout'] = timeout > 3600 ? `${timeout}ms` : `${timeout}s`;
    if (timeout > 3600) note = `timeout ${timeout} taken as milliseconds`;
  }
  const unknown = Object.keys(entry).filter((field) => !READ.includes(field));
  return { value, unknown, ...(note === undefined ? {} : { note }) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
