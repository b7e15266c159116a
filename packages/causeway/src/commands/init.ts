/** Owns `causeway init`: a first causeway.yaml. Keeps: what exists is never overwritten. */
import { writeFileSync } from 'node:fs';
import { serverNameOf, scaffold } from '@causeway/config';
import { EXIT, Failure, say } from '../failure.ts';

const FILE = 'causeway.yaml';

export async function init(argv: readonly string[]): Promise<number> {
  const words = argv[0] === '--' ? argv.slice(1) : argv;
  if (words[0]?.startsWith('-')) throw new Failure(EXIT.usage, `unknown option '${words[0]}'`, ['causeway init [--] [COMMAND…]']);
  const [command = 'npx', ...args] = words.length === 0 ? ['npx', '-y', '@modelcontextprotocol/server-everything'] : words;
  try {
    writeFileSync(FILE, scaffold({ name: serverNameOf(command, args), command, args }), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new Failure(EXIT.usage, `${FILE} exists already and is left as it is`);
    throw new Failure(EXIT.unexpected, `${FILE} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
  }
  say(`wrote ${FILE}; start it with:  causeway`);
  return EXIT.ok;
}
