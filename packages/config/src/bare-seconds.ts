/**
 * Owns the question which bare numbers of seconds were meant as milliseconds, as MCP clients and other bridges count: they are
 * served as they stand, for weeks perhaps, and nothing says so. Pure.
 * Keeps: what people do count in seconds, whole minutes and hours (`3600`), is passed over.
 */
import type { Path } from './faults.ts';

/** From here on nobody counts in seconds but by the minute. */
const LEAST = 1000;

/** What to say of `written`, which was read as `read`; `undefined`: nothing. */
export function bareSeconds(written: unknown, read: unknown): string | undefined {
  const seconds = typeof written === 'string' || typeof written === 'number' ? Number(written) : Number.NaN;
  // Of all settings only a duration is read as a thousand times what stands there.
  if (read !== seconds * 1000 || seconds < LEAST) return undefined;
  if (seconds % 60 === 0 && seconds % 1000 !== 0) return undefined;
  return `a bare number is seconds; if these are milliseconds, write ${seconds}ms, else ${seconds}s`;
}

/** The same of all that is below two objects, with the way to it. */
export function bareSecondsBelow(written: unknown, read: unknown, base: Path = []): { readonly path: Path; readonly text: string }[] {
  if (typeof written !== 'object' || written === null || typeof read !== 'object' || read === null) {
    const text = bareSeconds(written, read);
    return text === undefined ? [] : [{ path: base, text }];
  }
  const values = read as Readonly<Record<string, unknown>>;
  return Object.entries(written).flatMap(([key, value]) => bareSecondsBelow(value, values[key], [...base, key]));
}
