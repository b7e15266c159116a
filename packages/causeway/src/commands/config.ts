/** Owns `causeway config`: check, print, schema, import. Starts nothing; results go to stdout. */
import { describeConfig, importedYaml, jsonSchema, loadConfig, nearest, splitCommand, type Loaded } from '@causeway/config';
import { EXIT, Failure, warn } from '../failure.ts';
import { loadInput } from '../options.ts';
import { parseLine } from '../parse-line.ts';

const NOUNS = ['check', 'print', 'schema', 'import'];

export async function config(argv: readonly string[]): Promise<number> {
  const [noun, ...rest] = argv;
  switch (noun) {
    case 'check': {
      const { config: checked, file } = await load(rest);
      const names = Object.keys(checked.servers);
      out(
        `${file ?? 'settings'}: ok, ${names.length} ${names.length === 1 ? 'server' : 'servers'}${names.length === 0 ? '' : ` (${names.join(', ')})`}`,
      );
      return EXIT.ok;
    }
    case 'print': {
      const origins = rest.includes('--show-origin');
      const loaded = await load(rest.filter((word) => word !== '--show-origin'));
      const rows = describeConfig(loaded);
      if (origins) for (const { path, value, origin } of rows) out(`${`${path} = ${JSON.stringify(value)}`.padEnd(60)}  # ${origin}`);
      else out(JSON.stringify(nested(rows), null, 2));
      return EXIT.ok;
    }
    case 'schema':
      if (rest.length > 0) throw new Failure(EXIT.usage, `"${rest[0]}" is left over`);
      out(JSON.stringify(jsonSchema(), null, 2));
      return EXIT.ok;
    case 'import': {
      if (rest.length !== 1) throw new Failure(EXIT.usage, 'which file?', ['causeway config import FILE > causeway.yaml']);
      const { yaml, warnings } = importedYaml(rest[0]!, process.cwd());
      for (const text of warnings) warn(text);
      process.stdout.write(yaml);
      return EXIT.ok;
    }
    default: {
      const guess = noun === undefined ? undefined : nearest(noun, NOUNS);
      throw new Failure(
        EXIT.usage,
        noun === undefined ? 'config what?' : `unknown: config ${noun}${guess === undefined ? '' : ` (did you mean "${guess}"?)`}`,
        [`causeway config ${NOUNS.join(' | ')}`],
      );
    }
  }
}

async function load(argv: readonly string[]): Promise<Loaded> {
  const line = parseLine('config', argv);
  const [first, ...others] = line.words;
  // `config check FILE` is what people type; a command behind `--` is a server.
  const bare = first !== undefined && others.length === 0 && !argv.includes('--') && line.given['config'] === undefined;
  const input = loadInput(bare ? { ...line, given: { ...line.given, config: first }, words: [] } : line, splitCommand);
  const loaded = loadConfig(input);
  for (const text of loaded.warnings) warn(text);
  return loaded;
}

/** Rows of paths and values as one object. */
function nested(rows: readonly { readonly keys: readonly string[]; readonly value: unknown }[]): unknown {
  const root = Object.create(null) as Record<string, unknown>;
  for (const { keys, value } of rows) {
    let group = root;
    for (const key of keys.slice(0, -1)) group = (group[key] ??= Object.create(null)) as Record<string, unknown>;
    group[keys.at(-1)!] = value;
  }
  return root;
}

function out(line: string): void {
  process.stdout.write(`${line}\n`);
}
