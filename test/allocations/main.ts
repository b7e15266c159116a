/**
 * Owns showing what hot operations allocate, beside their bounds: `node test/allocations/main.ts [WORD]`, of all or of those
 * whose name has the word. `--where` tells the functions that allocate most; `--write` sets every bound anew, a little above
 * its figure.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileOf, KEPT, rowsOf, TABLES, type Row } from './operation.ts';
import { boundFor, figureOf, placesOf } from './run.ts';

const { values, positionals } = parseArgs({ options: { write: { type: 'boolean' }, where: { type: 'boolean' } }, allowPositionals: true });
const [word = ''] = positionals;

/** Every bound stands behind the name of its row. */
function setBound(table: string, { name }: Row, { bytes, objects }: Pick<Row, 'bytes' | 'objects'>): void {
  const source = readFileSync(fileOf(table), 'utf8');
  const at = source.indexOf(`name: '${name}'`);
  const bounds = /bytes: [\d_.]+,\s+objects: [\d_.]+/;
  const set = source.slice(at).replace(bounds, (found) => found.replace(/[\d_.]+/, String(bytes)).replace(/[\d_.]+$/, String(objects)));
  writeFileSync(fileOf(table), source.slice(0, at) + set);
}

const line = (name: string, ...columns: readonly (number | string)[]): void =>
  console.log(
    name.padEnd(66),
    ...columns.map((column) => (typeof column === 'number' ? String(Math.round(column * 10) / 10) : column).padStart(9)),
  );

line('', 'bytes', 'may be', 'least', 'most', 'objects', 'may be', 'kept', 'may be');
for (const table of TABLES) {
  for (const row of await rowsOf(table)) {
    if (!row.name.includes(word)) continue;
    const figure = await figureOf(table, row);
    line(row.name, figure.bytes, row.bytes, figure.least, figure.most, figure.objects, row.objects, figure.kept, row.kept ?? KEPT);
    if (values.where) console.log(placesOf(figure).join('\n'));
    if (values.write) setBound(table, row, boundFor(row, figure));
  }
}
