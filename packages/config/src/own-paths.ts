/**
 * Owns that every path of a URL means one thing: a server's own `path`, the further paths of `http`, what the bridge
 * answers itself. Keeps: a fault names both places. It leaves which path is answered how to the edge (`http/routes.ts`).
 */
import { faultAt, type Document } from './document.ts';
import { pathText, type Fault, type Path } from './faults.ts';
import type { ParsedSettings } from './schema.ts';
import type { ServerConfig } from './types.ts';

const ENDPOINTS = ['mcp', 'sse', 'message', 'messages'] as const;
const ROOTS: ReadonlySet<string> = new Set(ENDPOINTS.map((endpoint) => `/${endpoint}`));
/** What the bridge answers, on this listener or on the one for probes. */
const OURS: ReadonlySet<string> = new Set(['/', '/livez', '/readyz', '/startupz', '/healthz', '/metrics', ...ROOTS]);

export interface PathsInput {
  /** Absent: its faults are told already. */
  readonly http: Pick<ParsedSettings['http'], 'healthPaths' | 'paths'> | undefined;
  readonly servers: Iterable<Pick<ServerConfig, 'name' | 'path' | 'default'>>;
  readonly main: Document | undefined;
  readonly origins: ReadonlyMap<string, string>;
  /** Where a server was written. */
  readonly written: (server: string) => { readonly document: Document; readonly path: Path } | undefined;
}

interface Claim {
  readonly by: string;
  readonly where: string;
  /** It leads to the default server. */
  readonly toDefault: boolean;
}

export function pathFaults(input: PathsInput): Fault[] {
  const { http, main, origins } = input;
  const faults: Fault[] = [];
  const set = new Map<string, Claim>();
  const claim = (setting: string, path: Path, value: string): void => {
    const origin = origins.get(setting) ?? 'settings';
    const document = main !== undefined && origin.startsWith(main.file) ? main : undefined;
    const at = document?.place(path);
    const other = set.get(value);
    if (other?.by === setting) return;
    const problem = problemOf(setting, value, other);
    if (problem !== undefined)
      faults.push(document === undefined ? { where: origin, path: pathText(path), text: problem } : faultAt(document, path, problem));
    set.set(value, {
      by: setting,
      where: document !== undefined && at !== undefined ? `${document.file}:${at.line}:${at.column}` : origin,
      toDefault: setting.startsWith('http.paths.'),
    });
  };
  for (const [index, path] of (http?.healthPaths ?? []).entries()) claim('http.healthPaths', ['http', 'healthPaths', index], path);
  for (const [endpoint, path] of Object.entries(http?.paths ?? {}))
    if (path !== undefined) claim(`http.paths.${endpoint}`, ['http', 'paths', endpoint], path);
  return [...faults, ...serverFaults(input, set)];
}

function serverFaults({ servers, written }: PathsInput, set: ReadonlyMap<string, Claim>): Fault[] {
  const first = new Map<string, string>();
  return [...servers].flatMap((server): Fault[] => {
    const { name, path } = server;
    if (path === undefined) return [];
    const fault = (text: string): Fault[] => {
      const at = written(name);
      return [
        at === undefined ? { where: 'command line', path: `servers.${name}.path`, text } : faultAt(at.document, [...at.path, 'path'], text),
      ];
    };
    if (isBelowServers(path)) return fault(belowServers(path));
    if (OURS.has(path)) return fault(answeredByUs(path));
    for (const taken of [path, ...ENDPOINTS.map((endpoint) => `${path}/${endpoint}`)]) {
      const other = set.get(taken);
      if (other !== undefined && !(other.toDefault && server.default)) return fault(takenBy(taken, other));
    }
    const twin = first.get(path);
    if (twin !== undefined) return fault(`${path} is taken by servers.${twin} (${placeOf(written(twin))})`);
    first.set(path, name);
    return [];
  });
}

function problemOf(setting: string, path: string, other: Claim | undefined): string | undefined {
  if (isBelowServers(path)) return belowServers(path);
  if (isElse(setting, path)) return answeredByUs(path);
  return other === undefined ? undefined : takenBy(path, other);
}

/** Whether the bridge answers it otherwise than `setting` says: not what peers write for what there is anyway. */
function isElse(setting: string, path: string): boolean {
  const endpoint = /^http\.paths\.(.+)$/.exec(setting)?.[1];
  return endpoint === undefined ? ROOTS.has(path) : OURS.has(path) && path !== `/${endpoint}` && path !== `/${endpoint}s`;
}

function answeredByUs(path: string): string {
  return `${path} is answered by the bridge itself`;
}

function takenBy(path: string, { by, where }: Claim): string {
  return `${path} is taken by ${by} (${where})`;
}

function isBelowServers(path: string): boolean {
  return path === '/servers' || path.startsWith('/servers/');
}

function belowServers(path: string): string {
  return `${path} is taken: below /servers every server stands under its name`;
}

function placeOf(at: ReturnType<PathsInput['written']>): string {
  const place = at?.document.place([...at.path, 'path']);
  const file = at?.document.file ?? 'command line';
  return place === undefined ? file : `${file}:${place.line}:${place.column}`;
}
