/** Owns writing YAML of ours: a first file, and a client's file in our form. Gives text; writing it is the CLI's. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { faultAt, parseDocument } from './document.ts';
import { ConfigError } from './faults.ts';
import { escaped } from './interpolate.ts';
import { foreignKey, importMcpServers } from './import-mcp-servers.ts';

const FIRST_LINE = '# yaml-language-server: $schema=https://unpkg.com/@causeway/config/schema.json\n';

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
  return `${FIRST_LINE}# All settings: docs/config.md, or "causeway config schema". Check with "causeway config check".
listen: 127.0.0.1:8000
# import: [./.mcp.json]        # servers of an MCP client's file, which is only read
${servers}    # env: { NAME: "\${NAME}" }
    # idle: 30m
`;
}

/** The servers of an MCP client's file as YAML of ours, expansions untouched. Throws a `ConfigError`. */
export function importedYaml(file: string, cwd: string): { readonly yaml: string; readonly warnings: readonly string[] } {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
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
  const map = new Map(servers.map(({ name, value }) => [name, value]));
  return { yaml: `${FIRST_LINE}${stringify({ servers: map })}`, warnings };
}
