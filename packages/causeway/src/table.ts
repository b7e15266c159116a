/**
 * Owns how lists look to people: columns, ages, sizes. Pure.
 * Invariant: what comes from elsewhere cannot steer the terminal.
 */

export interface Column<T> {
  readonly title: string;
  /** Null is shown as `-`. */
  readonly of: (row: T) => string | number | null;
}

/** Lines of a table with a head; numbers stand to the right. No lines without rows. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const texts = cells.map((row) => row.map(plain));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...texts.map((row) => row[at]!.length)));
  const right = columns.map((_, at) => cells.every((row) => typeof row[at] === 'number' || row[at] === null));
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => (right[at] ? text.padStart(widths[at]!) : text.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...texts.map(line)];
}

/** Names and values below each other. */
export function card(fields: readonly (readonly [name: string, value: string | number | null])[]): string[] {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}`);
}

// oxlint-disable-next-line no-control-regex -- these are what is to be kept from the terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

function plain(value: string | number | null): string {
  return value === null || value === '' ? '-' : String(value).replaceAll(CONTROL, '\ufffd');
}

/** Lines of text. */
export function harmless(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(CONTROL, (character) => (/[\t\n]/.test(character) ? character : '\ufffd'));
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** `5s`, `3m`, `2h`, `4d`: the largest unit alone. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, size] = UNITS.find(([, least]) => seconds >= least) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

/** `92 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
