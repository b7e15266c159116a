/**
 * Owns `causeway init`: a first causeway.yaml with the schema by which editors complete it, and with `--cluster` the whole stack of
 * docker compose around it. Keeps:
 * what exists is never overwritten, and when a file is in the way none is written; what is written from a file that nobody else
 * may read is closed to others, too.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { importedYaml, jsonSchema, scaffold, serverNameOf } from '@causeway/config';
import { EXIT, Failure, say, warn } from '../failure.ts';
import { meantOption } from '../meant.ts';
import { VERSION } from '../version.ts';

const FILE = 'causeway.yaml';
/** Beside it, so that an editor finds it wherever the two are taken. */
const SCHEMA = 'causeway.schema.json';
const FIRST_LINE = `# yaml-language-server: $schema=./${SCHEMA}\n`;
/** Of the stack, as they stand in `stack/`: copies of the repository's own (scripts/generate-docs.ts). */
const STACK = ['docker-compose.yml', 'haproxy.cfg', 'nats.conf', 'prometheus.yml', 'rules.yml'] as const;
const USAGE = ['causeway init [--cluster] [--import FILE] [--] [COMMAND…]'];

interface NewFile {
  readonly path: string;
  readonly text: string;
  /** For its owner alone. */
  readonly closed?: boolean;
}

export async function init(argv: readonly string[]): Promise<number> {
  const { cluster, from, words } = await options(argv);
  const serves = servedBy(words, from, cluster);
  if (!cluster) {
    write([serves, ...schema()]);
    say(`wrote ${FILE}; start it with:  causeway`);
    return EXIT.ok;
  }
  // Servers that are described already are what the stack is for.
  const kept = existsSync(FILE) && words.length === 0 && from === undefined;
  const files = [...STACK.map(stackFile), ...(kept ? [] : [serves, ...schema()])];
  write(files);
  say(`wrote ${files.map(({ path }) => path).join(', ')}`);
  if (kept) say(`${FILE} is left as it is: it says what the stack serves`);
  say(`1  docker build -t causeway:${VERSION} REPOSITORY    once: the directory of causeway's sources`);
  say('2  docker compose up -d --wait                      then: http://localhost:8000/');
  say('3  causeway demo --kill-edge --kill-worker');
  return EXIT.ok;
}

async function options(argv: readonly string[]): Promise<{
  readonly cluster: boolean;
  readonly from: string | undefined;
  readonly words: readonly string[];
}> {
  let [cluster, from] = [false, undefined as string | undefined];
  for (let at = 0; ; at += 1) {
    const word = argv[at];
    if (word === '--') return { cluster, from, words: argv.slice(at + 1) };
    if (word === '--cluster') cluster = true;
    else if (word === '--import') {
      from = argv[(at += 1)];
      if (from === undefined) throw new Failure(EXIT.usage, '--import: which file?', USAGE);
    } else if (word?.startsWith('-')) {
      const refusal = `unknown option '${word}'`;
      throw new Failure(EXIT.usage, refusal, [...(await meantOption(refusal, ['--cluster', '--import'])), ...USAGE]);
    } else return { cluster, from, words: argv.slice(at) };
  }
}

function servedBy(words: readonly string[], from: string | undefined, cluster: boolean): NewFile {
  if (from !== undefined) {
    if (words.length > 0) throw new Failure(EXIT.usage, `there are two: the servers of ${from}, and "${words.join(' ')}"`, USAGE);
    const { yaml, warnings, closed } = importedYaml(from, process.cwd());
    for (const text of warnings) warn(text);
    // The containers of the stack read it as a user of their own.
    if (closed && cluster) warn(`${FILE} is readable by others, as the stack needs it; ${from} is not`);
    return { path: FILE, text: `${FIRST_LINE}${yaml}`, closed: closed && !cluster };
  }
  const [command = 'npx', ...args] = words.length === 0 ? ['npx', '-y', '@modelcontextprotocol/server-everything'] : words;
  return { path: FILE, text: `${FIRST_LINE}${scaffold({ name: serverNameOf(command, args), command, args })}` };
}

/** Unless there is one: it is the same for every file. */
function schema(): readonly NewFile[] {
  return existsSync(SCHEMA) ? [] : [{ path: SCHEMA, text: `${JSON.stringify(jsonSchema(), null, 2)}\n` }];
}

function stackFile(name: (typeof STACK)[number]): NewFile {
  const text = readFileSync(new URL(`../../stack/${name}`, import.meta.url), 'utf8');
  return { path: name === 'docker-compose.yml' ? name : `deploy/compose/${name}`, text };
}

function write(files: readonly NewFile[]): void {
  const present = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (present.length > 0)
    throw new Failure(
      EXIT.usage,
      present.length === 1
        ? `${present[0]} exists already and is left as it is`
        : `${present.join(', ')} exist already and are left as they are`,
      files.length === 1 ? [] : ['nothing was written'],
    );
  for (const { path, text, closed } of files) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: 'wx', mode: closed === true ? 0o600 : 0o666 });
    } catch (error) {
      throw new Failure(EXIT.unexpected, `${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
}
