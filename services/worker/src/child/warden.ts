/**
 * Owns the warden: a tiny process that outlives the worker by a moment and ends what the worker could not.
 * It holds one end of a pipe; when the other end closes, for whatever reason, it kills the groups it was
 * told of and everything that carries a mark of the worker, and ends. It is a shell script because a second
 * runtime would cost forty times the memory.
 *
 * Invariants:
 *  1. It lives in its own session and ignores the signals that end a process group by hand.
 *  2. A group is signalled only while its leader is the process that the worker named, or is gone with members
 *     left; a number that was given to another process is left alone. Where the system has no /proc, as macOS, nobody
 *     can tell, nor look for marks: there a group is signalled unless the worker has said that it is empty.
 *  3. It ends at most a few seconds after the pipe closed. If it dies first, another takes its place and is told anew.
 *  4. Where the worker is PID 1 there is none: the kernel ends the whole PID namespace.
 */
import { once } from 'node:events';
import { execa } from 'execa';
import type { ChildLog } from './child.ts';
import { MARK } from './environment.ts';
import { within } from './ladder.ts';
import { ownerSuffix, ownProcess } from './orphans.ts';

export interface Warden extends AsyncDisposable {
  /** Undefined where there is none. */
  readonly pid: number | undefined;
  /** `started`: the leader's start time as /proc has it; empty where there is none. */
  watch(group: number, started: string): void;
  /** The group is empty. */
  release(group: number): void;
}

/**
 * $1 and $2 are what the marks of the worker begin and end with, $3 is where processes are described. Groups are kept
 * in variables g<number>, so that neither memory nor time per line grows. `look` reads the group and start time of a
 * process; the shell's `read` skips NUL bytes, which serves where grep stops at them. `kill` is told the signal in the one way that lets a group follow in
 * every shell: Busybox, as on Alpine, takes no `--` behind `-s`.
 */
const SCRIPT = `
trap '' HUP INT TERM QUIT PIPE
begin=$1 end=$2 proc=$3
while read -r op id started; do
  case $id in '' | *[!0-9]*) continue ;; esac
  case $op in
    +) eval "g$id=\\$started" ;;
    -) unset "g$id" ;;
  esac
done
look() {
  read -r line <"$proc/$1/stat" || return 1
  set -- \${line##*) }
  group=$3 started=\${20}
}
marked() {
  if printf 'x\\0y;' | grep -q 'y;'; then
    grep -ls "$1[^@]*$2" "$proc"/[0-9]*/environ
    return
  fi
  for path in "$proc"/[0-9]*/environ; do
    while read -r line || [ -n "$line" ]; do
      case $line in *"$1"*"$2"*) echo "$path" ;; esac
      line=
    done <"$path"
  done
}
targets() {
  set | while IFS== read -r name value; do
    case $name in g[0-9]*) ;; *) continue ;; esac
    value=\${value#\\'}
    if look "\${name#g}" && [ "$started" != "\${value%\\'}" ]; then continue; fi
    kill -0 "-\${name#g}" && echo "-\${name#g}"
  done
  marked "$1" "$2" | while read -r path; do
    pid=\${path#"$proc"/} pid=\${pid%/environ}
    look "$pid" || continue
    echo "$pid"
    if [ "$group" = "$pid" ]; then echo "-$pid"; fi
  done
}
for signal in TERM KILL KILL; do
  set -- $(targets "$begin" "$end")
  [ $# -gt 0 ] || exit 0
  kill "-$signal" "$@"
  case $signal in TERM) sleep 1 ;; *) sleep 0.1 || sleep 1 ;; esac
done
`;

/** How often a warden that was killed is replaced. */
const REPLACEMENTS = 5;
/** What may wait for it to read before it is taken for stopped, in bytes. */
const UNREAD = 65_536;
/** Longest time in milliseconds that it takes to end. */
const ENDING = 6000;

export interface WardenOptions {
  readonly log: ChildLog;
  /** As in the marks of the children; another worker in the same process is not touched. */
  readonly worker: string;
  /** A POSIX shell; default the machine's. */
  readonly shell?: string;
  /** Where the system describes its processes, if it does; a test gives another. */
  readonly proc?: string;
}

export async function openWarden(options: WardenOptions): Promise<Warden> {
  return process.pid === 1 ? NOBODY : new ShellWarden(options);
}

const NOBODY: Warden = { pid: undefined, watch() {}, release() {}, async [Symbol.asyncDispose]() {} };

class ShellWarden implements Warden {
  readonly #log: ChildLog;
  readonly #command: readonly string[];
  readonly #groups = new Map<number, string>();
  #replacements = 0;
  #closing = false;
  #process: ReturnType<typeof startScript> | undefined;

  constructor({ log, worker, shell = '/bin/sh', proc = '/proc' }: WardenOptions) {
    this.#log = log;
    this.#command = [shell, '-c', SCRIPT, 'causeway-warden', `${MARK}=${worker}/`, ownerSuffix(ownProcess()), proc];
    this.#start();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  watch(group: number, started: string): void {
    // Empty where there is a /proc, it is nobody's start time: the child could not be told from a stranger with its number.
    if (!/^[0-9]*$/.test(started)) return;
    this.#groups.set(group, started);
    this.#tell(`+ ${group} ${started}\n`);
  }

  release(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`- ${group}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    const running = this.#process;
    if (running === undefined) return;
    const { nodeChildProcess: node } = running;
    node.ref();
    const ended = once(node, 'exit');
    running.stdin.end();
    await within(ended, ENDING);
    // The last resort against a warden that was stopped by hand.
    if (this.#process !== undefined) node.kill('SIGKILL');
  }

  #start(): void {
    const running = startScript(this.#command);
    if (running.pid === undefined) {
      this.#log.warn({}, 'the warden could not be started');
      return;
    }
    this.#process = running;
    running.stdin.on('error', () => {});
    running.nodeChildProcess.once('exit', () => this.#ended());
    for (const [group, started] of this.#groups) this.#tell(`+ ${group} ${started}\n`);
  }

  #ended(): void {
    this.#process = undefined;
    if (this.#closing) return;
    const again = this.#replacements < REPLACEMENTS;
    this.#log.warn({ replaced: again }, 'the warden has ended');
    this.#replacements += 1;
    if (again) this.#start();
  }

  #tell(line: string): void {
    const running = this.#process;
    if (running === undefined) return;
    running.stdin.write(line);
    if (running.stdin.writableLength > UNREAD) running.nodeChildProcess.kill('SIGKILL');
  }
}

function startScript([shell, ...words]: readonly string[]) {
  const running = execa(shell!, words, {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    extendEnv: false,
    detached: true,
    buffer: false,
    reject: false,
    cleanup: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  running.catch(() => {});
  // Neither the process nor the pipe keeps the worker running.
  running.nodeChildProcess.unref();
  (running.stdin as typeof running.stdin & { unref(): void }).unref();
  return running;
}
