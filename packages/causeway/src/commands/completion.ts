/** Owns `causeway completion`: a script for a shell, and the words that the script asks for. */
import type { SessionsView, ServerView, WorkerView } from '@causeway/edge';
import { AdminClient } from '../admin-client.ts';
import { completions, type Names } from '../completion.ts';
import { EXIT, Failure } from '../failure.ts';
import { print } from '../operation.ts';

/** Milliseconds that somebody at a keyboard is made to wait for a bridge. */
const WAIT = 1_500;

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# ~/.bashrc: source <(causeway completion bash)
_causeway() {
  local IFS=$'\\n'
  COMPREPLY=($(causeway completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _causeway causeway`,
  zsh: `# ~/.zshrc, behind compinit: source <(causeway completion zsh)
_causeway() {
  local -a found
  found=("\${(@f)$(causeway completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _causeway causeway`,
  fish: `# causeway completion fish > ~/.config/fish/completions/causeway.fish
function __causeway_words
  set -l found (causeway completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c causeway -f -a '(__causeway_words)'`,
};

export async function completion([shell, separator, ...line]: readonly string[]): Promise<number> {
  if (shell === 'words' && separator === '--') {
    print(await completions(line, names));
    return EXIT.ok;
  }
  const script = shell !== undefined && Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined || separator !== undefined)
    throw new Failure(EXIT.usage, 'for which shell?', [`causeway completion ${Object.keys(SCRIPTS).join('|')}`]);
  print([script]);
  return EXIT.ok;
}

interface Views {
  readonly sessions?: SessionsView['sessions'];
  readonly workers?: readonly WorkerView[];
  readonly servers?: readonly ServerView[];
}

/** Where there is no bridge, or it does not say, nothing is offered. */
const names: Names = async (of) => {
  try {
    const view = await new AdminClient({}, WAIT).ask<Views>('GET', of);
    return of === 'servers' ? (view.servers ?? []).map(({ name }) => name) : (view[of] ?? []).map(({ id }) => id);
  } catch {
    return [];
  }
};
