/**
 * Owns showing a configuration in force to people: each setting with its value and origin. Pure.
 * Keeps: secrets are masked; everything else stands as a file would say it, and read again is the same.
 */
import { duration, MASK, masked, timeSpan } from './forms.ts';
import { escaped } from './interpolate.ts';
import type { Loaded } from './load.ts';
import { MASKED } from './secrets.ts';
import { schemaOf, settingPaths } from './settings.ts';
import type { ServerConfig } from './types.ts';
import { durationText } from './units.ts';

export interface Row {
  readonly path: string;
  readonly keys: readonly string[];
  /** In the form of a file: times with their unit, sizes in bytes. */
  readonly value: unknown;
  readonly origin: string;
}

export function describeConfig({ config, origins, serverOrigins }: Loaded): Row[] {
  const rows: Row[] = [];
  for (const path of settingPaths()) {
    const keys = path.split('.');
    const value = keys.reduce<unknown>((group, key) => (group as Record<string, unknown> | undefined)?.[key], config);
    if (value !== undefined) rows.push({ path, keys, value: shown(path, value), origin: origins.get(path) ?? 'default' });
  }
  for (const server of Object.values(config.servers)) rows.push(...serverRows(server, serverOrigins.get(server.name)));
  return rows;
}

/** A default that was not written is not told: what is read again is implied again. */
function serverRows({ name, defaultImplied, ...server }: ServerConfig, origins: ReadonlyMap<string, string> | undefined): Row[] {
  const { default: _implied, ...others } = server;
  return Object.entries(defaultImplied ? others : server).map(([key, value]) => {
    return {
      path: `servers.${name}.${key}`,
      keys: ['servers', name, key],
      value: shown(`servers.*.${key}`, value),
      origin: origins?.get(key) ?? 'default',
    };
  });
}

function shown(path: string, value: unknown): unknown {
  if (MASKED.has(path)) return MASK;
  if (path === 'auth.apiKeys') return (value as readonly { readonly id: string }[]).map(({ id }) => ({ id, sha256: MASK }));
  if (path === 'servers.*.env') return Object.fromEntries(Object.keys(value as object).map((variable) => [variable, MASK]));
  if (path === 'nats.servers') return (value as readonly string[]).map((url) => escaped(masked(url)));
  return written(path, value);
}

/** As a file would say it. */
function written(path: string, value: unknown): unknown {
  if (typeof value === 'string') return escaped(value);
  if (typeof value === 'number') return ([duration, timeSpan] as unknown[]).includes(schemaOf(path)) ? durationText(value) : value;
  if (Array.isArray(value)) return value.map((one) => written(path, one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, written(`${path}.${key}`, one)]));
}
