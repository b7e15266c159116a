/**
 * Owns the second way to set a setting: by variable and by flag. Every setting outside `servers` has a variable,
 * derived from its path by one rule (`streams.heartbeat` → `CAUSEWAY_STREAMS_HEARTBEAT`) with a few shorter names.
 * Keeps: a value from here passes the same schema as one from a file; later layers replace earlier ones whole.
 */
import { z } from 'zod';
import { bareSeconds } from './bare-seconds.ts';
import { isOff, isOn } from './long-form.ts';
import { serverSchema, settingsSchema } from './schema.ts';
import type { Fault, Path } from './faults.ts';
import { findings } from './issues.ts';

export interface Override {
  /** e.g. `listen.port`; `servers.*.idle` for every server. */
  readonly path: string;
  readonly value: unknown;
  /** The flag or variable, as the user wrote it. */
  readonly origin: string;
}

/** Shorter names than the rule gives; of several the first that is set counts. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'listen.host': ['CAUSEWAY_HOST', 'MCP_PROXY_HOST'],
  'listen.port': ['CAUSEWAY_PORT', 'MCP_PROXY_PORT'],
  'listen.tls.certFile': ['CAUSEWAY_TLS_CERT'],
  'listen.tls.keyFile': ['CAUSEWAY_TLS_KEY'],
  'listen.tls.clientCaFile': ['CAUSEWAY_TLS_CLIENT_CA'],
  'http.baseUrl': ['CAUSEWAY_BASE_URL'],
  'http.allowedHosts': ['CAUSEWAY_ALLOWED_HOSTS'],
  'http.allowedOrigins': ['CAUSEWAY_ALLOWED_ORIGINS'],
  'http.cors': ['CAUSEWAY_CORS'],
  'http.maxBody': ['CAUSEWAY_MAX_BODY'],
  'http.headers': [],
  'auth.jwt.serverScopes': [],
  'auth.apiKeys': ['CAUSEWAY_API_KEY', 'MCP_PROXY_API_KEY'],
  'nats.servers': ['CAUSEWAY_NATS_URL'],
  'log.level': ['CAUSEWAY_LOG_LEVEL', 'LOG_LEVEL'],
  'log.format': ['CAUSEWAY_LOG_FORMAT', 'LOG_FORMAT'],
  'servers.*.startTimeout': ['CAUSEWAY_START_TIMEOUT'],
  'servers.*.requestTimeout': ['CAUSEWAY_REQUEST_TIMEOUT'],
  'servers.*.idle': ['CAUSEWAY_IDLE'],
  'servers.*.passEnvironment': ['CAUSEWAY_PASS_ENVIRONMENT'],
};

type AnySchema = z.core.$ZodType;

/** Without defaults and options around it. */
function inner(schema: AnySchema): AnySchema {
  const { def } = schema._zod;
  return 'innerType' in def ? inner((def as { innerType: AnySchema }).innerType) : schema;
}

/** The members of an object schema, or of the objects that a union allows; `undefined` for a leaf. */
export function members(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  const bare = inner(schema);
  if (bare instanceof z.ZodUnion) return Object.assign({}, ...bare.options.map(members)) as Record<string, AnySchema>;
  return bare instanceof z.ZodObject ? bare.shape : undefined;
}

/** The schema of a setting, `servers.*.idle` for one of a server, without default and option around it. */
export function schemaOf(path: string): AnySchema {
  const parts = path.split('.');
  const [root, keys] = parts[0] === 'servers' ? [serverSchema, parts.slice(2)] : [settingsSchema, parts];
  return inner(keys.reduce<AnySchema>((schema, key) => members(schema)![key]!, root));
}

/** Paths of all settings outside `servers`, `http.cors` and `auth.apiKeys` being one each. */
export function settingPaths(schema: AnySchema = settingsSchema, base: readonly string[] = []): string[] {
  const shape = inner(schema) instanceof z.ZodUnion ? undefined : members(schema);
  if (shape === undefined) return [base.join('.')];
  return Object.entries(shape).flatMap(([key, member]) => settingPaths(member, [...base, key]));
}

/** The variables that set `path`, the foremost first; none for those that only a file sets. */
export function variablesOf(path: string): readonly string[] {
  if (Object.hasOwn(NAMES, path)) return NAMES[path]!;
  return path.startsWith('servers.') ? [] : [ruledName(path)];
}

/** The name that the rule alone would give. */
export function ruledName(path: string): string {
  const words = path.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return `CAUSEWAY_${words.toUpperCase()}`;
}

/** `LOG_LEVEL` and the like are meant for every program that is started with them. */
const SHORTER = new Set(
  Object.values(NAMES)
    .flat()
    .filter((name) => !name.startsWith('LOG_')),
);

/**
 * Whether a variable sets Causeway, or its connection to NATS, and nothing else: it is nobody else's. Case does not count, as on
 * Windows; nobody else has a use for a lower-case variant.
 */
export function isOwnVariable(name: string): boolean {
  const upper = name.toUpperCase();
  return /^(?:CAUSEWAY|NATS)_/.test(upper) || SHORTER.has(upper);
}

const PER_SERVER = Object.keys(NAMES).filter((path) => path.startsWith('servers.'));

/** Of all settings, those that a variable sets for every server included. */
export function allPaths(): string[] {
  return [...settingPaths(), ...PER_SERVER];
}

/** What the environment sets. Lists are written with commas; an API key is one key. */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): Override[] {
  return allPaths().flatMap((path) => {
    const name = variablesOf(path).find((variable) => env[variable] !== undefined && env[variable] !== '');
    return name === undefined ? [] : [{ path, value: env[name]!, origin: name }];
  });
}

const LISTS: ReadonlySet<string> = new Set([
  'http.allowedHosts',
  'http.allowedOrigins',
  'http.healthPaths',
  'nats.servers',
  'auth.identityProxies',
  'auth.jwt.audience',
  'auth.jwt.scopes',
  'auth.jwt.algorithms',
]);

/** Gives the value the form that the schema reads: what arrives from outside is text. */
function formed(path: string, value: unknown): unknown {
  // A key is taken whole, commas and equals signs included: a key misread is a door left open.
  if (path === 'auth.apiKeys') return [value].flat().map((key, index) => ({ id: `key-${index + 1}`, key }));
  if (typeof value !== 'string') return value;
  if (path === 'http.cors') return isOff(value) ? false : { origins: isOn(value) ? ['*'] : list(value) };
  if (LISTS.has(path)) return list(value);
  if ((path === 'diagnostics.port' || path === 'admin.port') && isOff(value)) return false;
  if (path === 'log.level') return LEVELS[value.toLowerCase()] ?? value.toLowerCase();
  if (path === 'servers.*.passEnvironment')
    return value === '1' || isOn(value) ? true : value === '0' || isOff(value) ? false : list(value);
  return value;
}

/** Names that the peers give to levels. */
const LEVELS: Readonly<Record<string, string>> = { none: 'silent', warning: 'warn', critical: 'error', fatal: 'error' };

function list(value: string): string[] {
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** The value of one override in the form that the schema reads, and what is odd about it; or its faults. */
export function checkOverride(
  override: Override,
): { readonly value: unknown; readonly odd: string | undefined } | { readonly faults: readonly Fault[] } {
  const value = formed(override.path, override.value);
  const result = z.safeParse(schemaOf(override.path), value);
  if (result.success) return { value, odd: bareSeconds(value, result.data) };
  const faults = findings(result.error.issues, { input: value, root: override.path.split('.'), known: () => [] }).map((finding): Fault => ({
    where: override.origin,
    path: '',
    text: finding.text,
  }));
  return { faults };
}

/** Sets `path` in `target`, making the groups on the way. */
export function setIn(target: Record<string, unknown>, path: Path, value: unknown): void {
  let group = target;
  for (const key of path.slice(0, -1)) {
    const next = group[key];
    if (typeof next !== 'object' || next === null) group[key] = Object.create(null);
    group = group[key] as Record<string, unknown>;
  }
  group[path.at(-1)!] = value;
}
