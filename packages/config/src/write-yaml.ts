/** Owns writing YAML of ours: a first file, and a client's file in our form. Gives text; writing it is the CLI's. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { stringify } from 'yaml';
import { faultAt, parseDocument } from './document.ts';
import { ConfigError } from './faults.ts';
import { escaped } from './interpolate.ts';
import { foreignKey, importMcpServers, workspaceFolder } from './import-mcp-servers.ts';

export interface ScaffoldServer {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** A causeway.yaml with one server. */
export function scaffold({ name, command, args }: ScaffoldServer): string {
  const servers = stringify(
    { servers: { [name]: { command: escaped(command), args: args.map(escaped) } } },
    { flowCollectionPadding: false, collectionStyle: 'any' },
  );
  return `# All settings: "causeway config schema". Check with "causeway config check".
listen: 127.0.0.1:8000
# import: [./.mcp.json]        # servers of an MCP client's file, which is only read
${servers}    # env: { NAME: "\${NAME}" }
    # idle: 30m
`;
}

export interface ImportedYaml {
  readonly yaml: string;
  readonly warnings: readonly string[];
  /** Nobody but its owner may read the file. */
  readonly closed: boolean;
}

/**
 * The servers of an MCP client's file as YAML of ours for a file in `cwd`: variables as they stand, places spelled out where
 * they would be others from there. Throws a `ConfigError`.
 */
export function importedYaml(file: string, cwd: string): ImportedYaml {
  const absolute = resolve(cwd, file);
  let text: string;
  let closed: boolean;
  try {
    text = readFileSync(absolute, 'utf8');
    closed = (statSync(absolute).mode & 0o077) === 0;
  } catch (error) {
    throw new ConfigError([{ where: file, path: '', text: `cannot be read (${(error as NodeJS.ErrnoException).code})` }]);
  }
  const document = parseDocument(file, text);
  if (document.faults.length > 0) throw new ConfigError(document.faults);
  const key = foreignKey(document);
  if (key === undefined)
    throw new ConfigError([
      faultAt(document, [], 'not a file of an MCP client: it has no "mcpServers", nor "servers" as VS Code writes them'),
    ]);
  const { servers, warnings, faults } = importMcpServers(document, key);
  if (faults.length > 0) throw new ConfigError(faults);
  const map = new Map(servers.map(({ name, value }) => [name, seenFrom(cwd, value as Record<string, unknown>, absolute)]));
  return { yaml: stringify({ servers: map }), warnings, closed };
}

/** A server of the file at `absolute`, as a file in `cwd` has to say it. */
function seenFrom(cwd: string, server: Readonly<Record<string, unknown>>, absolute: string): unknown {
  const [folder, beside] = [workspaceFolder(absolute), dirname(absolute)];
  const word = (token: string, inner = ''): string => {
    if (folder !== cwd && inner === 'workspaceFolder') return escaped(folder);
    if (folder !== cwd && inner === 'workspaceFolderBasename') return escaped(basename(folder));
    const read = /^file:(.*)$/.exec(inner)?.[1];
    return read === undefined || beside === cwd ? token : `\${file:${resolve(beside, read)}}`;
  };
  const said = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replaceAll(/\$\$\{|\$\{([^{}]*)\}/g, word);
    if (Array.isArray(value)) return value.map(said);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, said(one)]));
  };
  const spelled = said(server) as Record<string, unknown>;
  for (const key of ['cwd', 'envFile']) {
    const place = spelled[key];
    if (folder !== cwd && typeof place === 'string' && !isAbsolute(place) && !place.startsWith('${'))
      spelled[key] = `${escaped(folder)}/${place}`;
  }
  return spelled;
}
