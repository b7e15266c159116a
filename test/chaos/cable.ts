/**
 * Owns a network of two machines whose cable can be pulled out: a client in a network namespace of its own, which then
 * vanishes as a laptop does that is closed: no FIN, no RST, no ICMP, every packet to it is lost.
 * Needs the right to make a namespace, as root has; without it `openCable` rejects and says so.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { within } from '../harness/within.ts';

const run = promisify(execFile);
const ip = async (...args: readonly string[]): Promise<string> => (await run('ip', [...args])).stdout;

export interface Cable extends AsyncDisposable {
  /** Our end's address. */
  readonly here: string;
  /** Runs `node ARGS…` at the other end; resolves with its first line of output. */
  start(args: readonly string[]): Promise<string>;
  unplug(): Promise<void>;
}

export async function openCable(): Promise<Cable> {
  await using stack = new AsyncDisposableStack();
  const name = `chaos${process.pid % 100_000}`;
  const [near, far] = [`${name}a`, `${name}b`];
  const net = `10.231.${process.pid % 250}`;
  const [here, there] = [`${net}.1`, `${net}.2`];
  try {
    await ip('netns', 'add', name);
  } catch (cause) {
    throw new Error('a client can only vanish from a network of its own: this needs root (ip netns add)', { cause });
  }
  stack.defer(async () => void (await ip('netns', 'del', name)));
  await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far);
  stack.defer(async () => void (await ip('link', 'del', near).catch(() => '')));
  await ip('link', 'set', far, 'netns', name);
  await ip('addr', 'add', `${here}/30`, 'dev', near);
  await ip('link', 'set', near, 'up');
  const inside = (...args: readonly string[]) => ip('netns', 'exec', name, 'ip', ...args);
  await inside('addr', 'add', `${there}/30`, 'dev', far);
  await inside('link', 'set', far, 'up');
  const [{ address }] = JSON.parse(await inside('-json', 'link', 'show', far)) as [{ readonly address: string }];
  // Known for good, so that nobody notices by the lack of an answer to ARP.
  await ip('neigh', 'replace', there, 'lladdr', address, 'dev', near, 'nud', 'permanent');
  const owned = stack.move();
  return {
    here,
    async start(args) {
      const child = spawn('ip', ['netns', 'exec', name, process.execPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      owned.defer(async () => {
        const ended = child.exitCode === null ? once(child, 'exit') : undefined;
        child.kill('SIGKILL');
        await ended;
      });
      const [line] = (await within(10_000, 'a word of the client', once(createInterface({ input: child.stdout }), 'line'))) as [string];
      return line;
    },
    async unplug() {
      await inside('addr', 'flush', 'dev', far);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
