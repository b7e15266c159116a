/** Owns the short ways to write a group, made long before the schema sees them. Pure; what it does not know it leaves. */
import type { Path } from './faults.ts';
import { parseAddress } from './units.ts';

/** e.g. `listen: "0.0.0.0:8000"` → `{ host, port }`. A setting that stands there twice is told to `fault`. */
export function longForm(group: string, value: unknown, fault: (path: Path, text: string) => void): unknown {
  if (group === 'listen' || group === 'diagnostics' || group === 'admin') return address(group, value);
  if (group === 'nats') return natsGroup(value, fault);
  if (group === 'http' && isFields(value) && Object.hasOwn(value, 'cors')) return { ...value, cors: cors(value['cors']) };
  return value;
}

/** Whether a value means `false`: YAML 1.2 knows no `off`. */
export function isOff(value: unknown): boolean {
  return value === false || (typeof value === 'string' && /^(?:false|off|none|no)$/i.test(value.trim()));
}

/** Whether a value means `true`, likewise. */
export function isOn(value: unknown): boolean {
  return value === true || (typeof value === 'string' && /^(?:true|on|yes)$/i.test(value.trim()));
}

function address(group: string, value: unknown): unknown {
  const switched = group !== 'listen';
  if (switched && isOff(value)) return { port: false };
  if (switched && isOn(value)) return {};
  if (isFields(value)) return switched && isOff(value['port']) ? { ...value, port: false } : value;
  if (typeof value === 'number') return { port: value };
  return typeof value === 'string' ? (parseAddress(value) ?? badPort(value.trim()) ?? value) : value;
}

/** An address whose port is none: for the port's own fault. */
function badPort(text: string): unknown {
  const match = /^(?:\[?([^\s/[\]]+?)\]?:)?:?(\d+)$/.exec(text);
  if (!match) return undefined;
  const [, host, port] = match;
  return host === undefined ? { port } : { host, port };
}

function natsGroup(value: unknown, fault: (path: Path, text: string) => void): unknown {
  if (typeof value === 'string') return { servers: split(value) };
  if (!isFields(value)) return value;
  const { url, ...rest } = value;
  if (url !== undefined && rest['servers'] !== undefined) fault(['nats', 'url'], 'url and servers are the same setting: write one of them');
  const servers = rest['servers'] ?? url;
  if (servers === undefined) return rest;
  return { ...rest, servers: typeof servers === 'string' ? split(servers) : servers };
}

function cors(value: unknown): unknown {
  if (isOn(value)) return {};
  if (isOff(value)) return false;
  if (typeof value === 'string') return { origins: [value] };
  return Array.isArray(value) ? { origins: value } : value;
}

function split(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
