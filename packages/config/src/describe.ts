/** Owns showing a configuration in force to people: each setting with its value and origin, secrets masked. Pure. */
import type { Loaded } from './load.ts';
import { settingPaths } from './settings.ts';
import type { ServerConfig } from './types.ts';

export interface Row {
  readonly path: string;
  readonly keys: readonly string[];
  /** Milliseconds and bytes, as the program uses them. */
  readonly value: unknown;
  readonly origin: string;
}

const MASK = '********';
const SECRETS = new Set(['nats.password', 'nats.token', 'admin.token']);

export function describeConfig({ config, origins, serverOrigins }: Loaded): Row[] {
  const rows: Row[] = [];
  for (const path of settingPaths()) {
    const keys = path.split('.');
    const value = keys.reduce<unknown>((group, key) => (group as Record<string, unknown> | undefined)?.[key], config);
    if (value !== undefined) rows.push({ path, keys, value: shown(path, value), origin: origins.get(path) ?? 'default' });
  }
  for (const server of Object.values(config.servers))
    rows.push(...serverRows(server, serverOrigins.get(server.name) ?? 'default', origins));
  return rows;
}

function serverRows({ name, ...settings }: ServerConfig, origin: string, origins: ReadonlyMap<string, string>): Row[] {
  return Object.entries(settings).map(([key, value]) => {
    const masked = key === 'env' ? Object.fromEntries(Object.keys(value as object).map((variable) => [variable, MASK])) : value;
    return {
      path: `servers.${name}.${key}`,
      keys: ['servers', name, key],
      value: masked,
      origin: origins.get(`servers.*.${key}`) ?? origin,
    };
  });
}

function shown(path: string, value: unknown): unknown {
  if (SECRETS.has(path)) return MASK;
  if (path === 'auth.apiKeys') return (value as readonly { readonly id: string }[]).map(({ id }) => ({ id, sha256: MASK }));
  if (path === 'nats.servers') return (value as readonly string[]).map((url) => url.replace(/\/\/[^/@]*@/, `//${MASK}@`));
  return value;
}
