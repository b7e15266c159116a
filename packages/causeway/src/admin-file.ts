/**
 * Owns how a bridge and the commands of its user find each other on one machine: a file with the admin listener's URL
 * and token, in a directory that only this user may enter.
 *
 * Invariants: the directory is ours alone (0700, not a link), the file too (0600); what is not so is neither written
 * to nor believed; the file goes with its process, and what a killed process left is cleared away by whoever comes next.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Edge } from '@causeway/edge';
import { atExit, type Log } from '@causeway/runtime';
import { EXIT, Failure } from './failure.ts';

/** A running bridge, as it says of itself. */
export interface FoundBridge {
  /** Of its admin listener. */
  readonly url: string;
  /** Absent where the token was configured: then its user has it. */
  readonly token?: string;
  readonly pid: number;
  /** The same for every edge of one cluster. */
  readonly cluster: string;
  /** Where it serves MCP. */
  readonly serves: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

type Env = Readonly<Record<string, string | undefined>>;

/** This user, who need not have an entry in the system's list, as in a container that is started as any number. */
const ME = process.getuid?.();

/** Tells where the admin listener is until it is disposed of, or the process ends. Where that cannot be, it is logged. */
export function announce({ admin, url: serves }: Edge, configured: boolean, log: Log): Disposable {
  if (admin === undefined) return { [Symbol.dispose]: () => undefined };
  const { url, token, cluster } = admin;
  const bridge: FoundBridge = { url, ...(configured ? {} : { token }), pid: process.pid, cluster, serves, since: Date.now() };
  // What killed processes left is cleared away.
  findBridges();
  const file = folders(process.env)
    .values()
    .map((folder) => write(folder, bridge))
    .find((path) => path !== undefined);
  if (file === undefined) {
    log.warn({ url }, 'no private directory for the admin token: give one by CAUSEWAY_ADMIN_TOKEN');
    return { [Symbol.dispose]: () => undefined };
  }
  const remove = (): void => rmSync(file, { force: true });
  const forget = atExit(remove);
  return {
    [Symbol.dispose]: () => {
      forget();
      remove();
    },
  };
}

/** The bridges of this user that run here, the newest first. */
export function findBridges(env: Env = process.env): FoundBridge[] {
  const found = folders(env)
    .filter(isOurs)
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /^admin-\d+\.json$/.test(name))
        .flatMap((name) => read(join(folder, name)) ?? []),
    );
  return found.toSorted((a, b) => b.since - a.since);
}

/** The newest, if all are of one cluster; `option` is what names one otherwise. Throws a `Failure` if they are not. */
export function onlyCluster(found: readonly FoundBridge[], option: (bridge: FoundBridge) => string): FoundBridge | undefined {
  const [newest] = found;
  if (found.every(({ cluster }) => cluster === newest?.cluster)) return newest;
  const choices = found.slice(0, 10).map((bridge) => `${option(bridge)}   serves ${bridge.serves}, pid ${bridge.pid}`);
  throw new Failure(EXIT.usage, 'several bridges run on this machine; say which', choices);
}

/** Where a bridge of this user that runs here serves MCP on `port`. */
export function servedOn(port: number): URL | undefined {
  return findBridges()
    .flatMap(({ serves }) => URL.parse(serves) ?? [])
    .find((url) => Number(url.port || (url.protocol === 'https:' ? 443 : 80)) === port);
}

/** Where such a directory may be, the best place first. */
function folders(env: Env): string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  const shared = join(tmpdir(), `causeway-${ME}`);
  return runtime !== undefined && isAbsolute(runtime) ? [join(runtime, 'causeway'), shared] : [shared];
}

/** A directory of this user; `undefined` if it is none. */
function modeOf(folder: string): number | undefined {
  try {
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === ME ? found.mode & 0o777 : undefined;
  } catch {
    return undefined;
  }
}

function isOurs(folder: string): boolean {
  const mode = modeOf(folder);
  return mode !== undefined && (mode & 0o077) === 0;
}

function write(folder: string, bridge: FoundBridge): string | undefined {
  const file = join(folder, `admin-${bridge.pid}.json`);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return undefined;
  }
  try {
    if (modeOf(folder) === undefined) return undefined;
    // One of ours that others may enter is closed to them.
    if (!isOurs(folder)) chmodSync(folder, 0o700);
    rmSync(file, { force: true });
    writeFileSync(file, `${JSON.stringify(bridge)}\n`, { mode: 0o600, flag: 'wx' });
    return file;
  } catch {
    return undefined;
  }
}

function read(file: string): FoundBridge | undefined {
  try {
    // The directory may have been open to others before.
    const found = lstatSync(file);
    if (!found.isFile() || found.uid !== ME) return undefined;
    const bridge = JSON.parse(readFileSync(file, 'utf8')) as FoundBridge;
    if (typeof bridge.url !== 'string' || typeof bridge.pid !== 'number') return undefined;
    if (isAlive(bridge.pid)) return bridge;
    rmSync(file, { force: true });
  } catch {
    // Being written, or gone meanwhile.
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
