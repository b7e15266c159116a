/**
 * Owns the way from the words of a command line to a verb. Keeps: an option that is not known, or a first word that is
 * neither a verb nor a program, ends it before anything is started; only the verb's own code is loaded.
 */
import { EXIT, Failure, report, reportJson } from './failure.ts';
import { setUpEngine } from './engine.ts';
import { outliveReader } from './reader.ts';
import { giveBackAtRest } from './rest.ts';
import { hasJson, isOperation, isVerb, VERBS, type Operation, type Verb } from './verbs.ts';

/** Runs the command line; sets the exit code, or exits when something was started. */
export async function main(argv: readonly string[]): Promise<void> {
  outliveReader(process.stderr);
  try {
    process.exitCode = await dispatch(argv);
  } catch (error) {
    process.exitCode = asksForJson(argv) ? reportJson(error) : report(error);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const verb = isVerb(argv[0]) ? argv[0] : undefined;
  const rest = verb === undefined ? argv : argv.slice(1);
  const own = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined);
  const asksHelp = argv[0] === 'help' || (await asksForHelp(verb, own));
  const asksVersion = own[0] === '--version' || own[0] === '-V';
  // What serves writes to stdout by its log alone, which sees to that itself.
  if (asksHelp || asksVersion || !serves(verb)) outliveReader(process.stdout);
  if (asksHelp) return help(argv, verb);
  if (asksVersion) return version();
  if (verb === 'init') return (await import('./commands/init.ts')).init(rest);
  if (verb === 'health') return (await import('./commands/health.ts')).health(rest);
  if (verb === 'demo') return (await import('./commands/demo.ts')).demo(rest);
  if (verb === 'tools') return (await import('./commands/tools.ts')).tools(rest);
  if (verb === 'call') return (await import('./commands/call.ts')).call(rest);
  if (verb === 'client') return (await import('./commands/client.ts')).client(rest);
  if (verb === 'completion') return (await import('./commands/completion.ts')).completion(rest);
  if (verb === 'nats') return (await import('./commands/nats.ts')).nats(rest);
  if (verb === 'config') return (await import('./commands/config.ts')).config(rest);
  if (isOperation(verb)) return operate(verb, rest);
  const { parseLine } = await import('./parse-line.ts');
  const line = parseLine(verb ?? 'run', rest);
  if (verb === undefined && own.length === rest.length && line.given['shell'] === undefined) await checkFirstWord(line.words);
  setUpEngine();
  giveBackAtRest();
  switch (verb) {
    case 'edge':
      return (await import('./commands/edge.ts')).edge(line);
    case 'worker':
      return (await import('./commands/worker.ts')).worker(line);
    default:
      return (await import('./commands/run.ts')).run(line);
  }
}

function serves(verb: Verb | undefined): boolean {
  return verb === undefined || verb === 'run' || verb === 'edge' || verb === 'worker';
}

async function operate(verb: Operation, argv: readonly string[]): Promise<number> {
  switch (verb) {
    case 'sessions':
      return (await import('./commands/sessions.ts')).sessions(argv);
    case 'workers':
      return (await import('./commands/workers.ts')).workers(argv);
    case 'servers':
      return (await import('./commands/servers.ts')).servers(argv);
    case 'limits':
      return (await import('./commands/limits.ts')).limits(argv);
    case 'doctor':
      return (await import('./commands/doctor.ts')).doctor(argv);
    case 'warm':
      return (await import('./commands/warm.ts')).warm(argv);
  }
}

function asksForJson(argv: readonly string[]): boolean {
  const own = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  return hasJson(argv[0]) && /\s--format[= ]json\s/.test(` ${own.join(' ')} `);
}

/** Whether one of our own options asks for help: behind a command, `--help` is the command's. */
async function asksForHelp(verb: Verb | undefined, own: readonly string[]): Promise<boolean> {
  const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';
  if (isHelp(own[0])) return true;
  if (verb === 'init' || !own.some(isHelp)) return false;
  if (verb !== undefined && verb !== 'run' && verb !== 'worker') return true;
  return (await import('./aliases.ts')).rewrite(own).help;
}

async function help(argv: readonly string[], verb: Verb | undefined): Promise<number> {
  const asked = argv[0] === 'help' ? argv[1] : undefined;
  if (asked !== undefined && !asked.startsWith('-') && !isVerb(asked)) {
    const guess = await (await import('./meant.ts')).meant(asked, VERBS);
    throw new Failure(EXIT.usage, `there is no verb "${asked}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`, [
      'causeway --help',
    ]);
  }
  const { helpText } = await import('./help.ts');
  process.stdout.write(helpText(verb ?? (isVerb(argv[1]) ? argv[1] : undefined), argv.includes('--all')));
  return EXIT.ok;
}

async function version(): Promise<number> {
  const { VERSION } = await import('./version.ts');
  process.stdout.write(`${VERSION}\n`);
  return EXIT.ok;
}

/** With no verb and no `--`, a mistyped verb would be run as a program: it must be one that exists. */
async function checkFirstWord([word, next]: readonly string[]): Promise<void> {
  if (word === undefined) return;
  const { findCommand } = await import('./find-command.ts');
  const asProgram = `to run a program of that name: causeway -- ${word}`;
  if (isVerb(word)) throw new Failure(EXIT.usage, `the verb comes first: causeway ${word} …`, [asProgram]);
  const isProgram = findCommand({ command: word, path: process.env['PATH'] ?? '' }) !== undefined;
  if (word === 'connect' && (!isProgram || /^https?:/.test(next ?? '')))
    throw new Failure(EXIT.usage, `connect: ${(await import('./alias-table.ts')).REVERSE}`, [asProgram]);
  if (isProgram) return;
  const { nearest } = await import('@causeway/config');
  // A file or a package is no mistyped verb.
  const verb = /[./@]/.test(word) ? undefined : nearest(word, VERBS);
  throw new Failure(
    EXIT.usage,
    `"${word}" is neither a verb nor a program on $PATH${verb === undefined ? '' : `; did you mean "${verb}"?`}`,
    [asProgram, ...(verb === undefined ? await nearestProgram(word) : [])],
  );
}

async function nearestProgram(word: string): Promise<string[]> {
  const { notFoundHint } = await import('./not-found.ts');
  return notFoundHint(word, process.env['PATH'] ?? '');
}
