/**
 * Owns parsing the options of a role: the peers' names first made ours, then commander. commander's only door.
 * Keeps: an option that is not known ends it, with the one that was probably meant.
 */
import { Command, CommanderError, Option } from 'commander';
import { rewrite } from './aliases.ts';
import { EXIT, Failure, say } from './failure.ts';
import { FLAGS, takes, type Flag } from './flags.ts';
import type { Line } from './options.ts';
import type { Verb } from './verbs.ts';

/** The options of a role and the command behind them. Throws a `Failure` for any that is not known. */
export function parseLine(role: Verb, argv: readonly string[]): Line {
  const { argv: ours, spelled, refusals, notes } = rewrite(argv);
  if (refusals.length > 0)
    throw new Failure(
      EXIT.usage,
      refusals.length === 1 ? refusals[0]! : 'this command line cannot be served',
      refusals.length === 1 ? [] : refusals,
    );
  for (const note of notes) say(`note: ${note}`);
  const program = new Command(`causeway ${role}`);
  program.exitOverride().helpOption(false).helpCommand(false).allowExcessArguments().argument('[words...]');
  // Behind the first word all is the command's, unless words are names.
  program.passThroughOptions(role !== 'warm');
  program.configureOutput({ writeErr: () => undefined });
  for (const flag of FLAGS) if (takes(role, flag)) program.addOption(optionOf(flag));
  try {
    program.parse([...ours], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const [message, ...hints] = error.message
      .replace(/^error: /, '')
      .replace(/('--[\w-]+)=.*'/, "$1'")
      .split('\n');
    const misplaced = FLAGS.find((flag) => message!.includes(`'${flag.name}'`) || message!.includes(`'${flag.name}=`));
    // What commander saw may be our name for it.
    const written = message!.replace(/'(--[\w-]+)'/, (_, name: string) => `'${spelled.get(name) ?? name}'`);
    throw new Failure(
      EXIT.usage,
      written,
      misplaced === undefined
        ? [...hints, `causeway ${role === 'run' ? '' : `${role} `}--help lists what there is`]
        : [`it is not an option of "${role}"`],
    );
  }
  return { given: program.opts(), words: program.args, spelled };
}

function optionOf(flag: Flag): Option {
  const argument = flag.arg === undefined ? '' : flag.arg.startsWith('[') ? ' [value]' : ' <value>';
  const option = new Option(`${flag.short === undefined ? '' : `${flag.short}, `}${flag.name}${argument}`);
  return flag.many ? option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]) : option;
}
