/**
 * Owns how durations, sizes and addresses are written. Pure.
 * Keeps: what is not understood whole is refused, never guessed (`30 apples` is no duration); bare numbers
 * mean seconds and bytes; results are whole milliseconds and bytes.
 */
import parse from 'parse-duration';

const DURATION = /^(?:\d+(?:\.\d+)?\s*(?:ms|s|sec|m|min|h|d)\s*)+$/;
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB|k|K|M|G|Ki|Mi|Gi)?$/;
const FACTOR: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  k: 1e3,
  K: 1e3,
  MB: 1e6,
  M: 1e6,
  GB: 1e9,
  G: 1e9,
  KiB: 1024,
  Ki: 1024,
  MiB: 1024 ** 2,
  Mi: 1024 ** 2,
  GiB: 1024 ** 3,
  Gi: 1024 ** 3,
};

/** Longest delay that a timer of Node takes, in milliseconds: about 24 days. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds of `30s`, `5m`, `1h30m`, `250ms`, or of a bare number of seconds. `undefined` if it is none. */
export function durationMs(value: string | number): number | undefined {
  const text = typeof value === 'number' ? String(value) : value.trim();
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : DURATION.test(text) ? parse(text) : undefined;
  if (ms === undefined || ms === null || !Number.isFinite(ms) || ms > LONGEST) return undefined;
  return Math.round(ms);
}

/** The shortest way to write milliseconds so that they are read as the same: `90s`, `30m`. */
export function durationText(ms: number): string {
  if (ms % 1000 !== 0) return `${ms}ms`;
  if (ms === 0 || ms % 60_000 !== 0) return `${ms / 1000}s`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 60_000}m`;
}

/** Bytes of `10MiB`, `64kB`, or of a bare number. `undefined` if it is none. */
export function sizeBytes(value: string | number): number | undefined {
  const match = SIZE.exec(typeof value === 'number' ? String(value) : value.trim());
  if (!match) return undefined;
  const bytes = Math.round(Number(match[1]) * (FACTOR[match[2] ?? 'B'] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export interface Address {
  readonly host?: string;
  readonly port?: number;
}

/** `host:port`, `[::1]:port`, `host`, or a port alone. `undefined` if it is none. */
export function parseAddress(value: string | number): Address | undefined {
  const text = String(value).trim();
  const port = (digits: string): number | undefined => (/^\d{1,5}$/.test(digits) && Number(digits) < 65_536 ? Number(digits) : undefined);
  if (/^:?\d+$/.test(text)) {
    const only = port(text.replace(':', ''));
    return only === undefined ? undefined : { port: only };
  }
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:/[\]]+))(?::(\d+))?$/.exec(text);
  if (!match) return /^[0-9a-fA-F:]+$/.test(text) ? { host: text } : undefined;
  const host = (match[1] ?? match[2])!;
  if (match[3] === undefined) return { host };
  const given = port(match[3]);
  return given === undefined ? undefined : { host, port: given };
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
