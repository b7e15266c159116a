/** Owns how rows stand under each other on a terminal: the first column to the left, all others to the right. */

export type Row = Readonly<Record<string, string>>;

export function printGrid(title: string, rows: readonly Row[], left: readonly string[] = []): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (row: Row, column: string): string => row[column] ?? '';
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row, column).length)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((value, at) => {
      const toLeft = at === 0 || left.includes(columns[at]!);
      return toLeft ? value.padEnd(widths[at]!) : value.padStart(widths[at]!);
    });
    return `  ${padded.join('  ')}`.trimEnd();
  };
  console.log(`${title}\n${line(columns)}`);
  for (const row of rows) console.log(line(columns.map((column) => cell(row, column))));
  console.log();
}

export const text = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
