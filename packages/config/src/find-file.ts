/** Owns where a configuration is looked for when none is named, and the order. Never looks further than asked. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const OWN = ['causeway.yaml', 'causeway.yml', 'causeway.json', 'causeway.jsonc'];
const CLIENTS = ['.mcp.json', 'mcp.json', '.vscode/mcp.json'];
const SYSTEM = '/etc/causeway/causeway.yaml';

export interface FoundFile {
  readonly file: string;
  /** It belongs to an MCP client: worth telling the user. */
  readonly foreign: boolean;
}

/** The first of: ours in `cwd`, a client's in `cwd`, the system's. */
export function findFile(cwd: string): FoundFile | undefined {
  for (const file of OWN) if (existsSync(join(cwd, file))) return { file, foreign: false };
  for (const file of CLIENTS) if (existsSync(join(cwd, file))) return { file, foreign: true };
  return existsSync(SYSTEM) ? { file: SYSTEM, foreign: false } : undefined;
}

/** The search order, for people. */
export const SEARCH_ORDER: readonly string[] = [
  '--config FILE',
  '$CAUSEWAY_CONFIG',
  './causeway.{yaml,yml,json,jsonc}',
  ...CLIENTS.map((file) => `./${file}`),
  SYSTEM,
];
