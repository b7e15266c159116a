/**
 * Owns the files of keys for a NATS with one user for each role: `ROLE/nkey`, a seed that only this role is to have, and
 * `nats/keys.conf`, what the servers include: public keys, and the password of their routes.
 *
 * Invariants: what is there is kept, so that a second run changes nothing; files are for their owner alone (0400), and
 * appear whole.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsUserKey, type NatsKey } from '@causeway/cluster';
import { EXIT, Failure } from './failure.ts';

export const ROLES = ['edge', 'worker', 'bootstrap'] as const;

/** `hosts`: the servers of the NATS cluster, as they find each other. Resolves with the files that were not there. */
export async function makeKeys(directory: string, hosts: readonly string[]): Promise<{ readonly made: readonly string[] }> {
  const odd = hosts.find((host) => !/^[\w.-]+(?::\d+)?$/.test(host));
  if (odd !== undefined) throw new Failure(EXIT.usage, `${odd}: not a host name, or HOST:PORT`);
  const made: string[] = [];
  const keep = (path: string, text: string): void => {
    write(join(directory, path), text);
    made.push(path);
  };
  const lines: string[] = [];
  for (const role of ROLES) {
    const path = `${role}/nkey`;
    const present = read(join(directory, path));
    const key = await keyOf(path, present?.trim());
    if (present === undefined) keep(path, `${key.seed}\n`);
    lines.push(`${role.toUpperCase()}_KEY: "${key.public}"`);
  }
  const before = read(join(directory, 'nats/keys.conf'));
  const password = /^ROUTE_PASSWORD: "([\w-]+)"$/m.exec(before ?? '')?.[1] ?? randomBytes(32).toString('base64url');
  const routes = hosts.map((host) => `"nats://route:${password}@${host.includes(':') ? host : `${host}:6222`}"`);
  const text = [...lines, `ROUTE_PASSWORD: "${password}"`, `ROUTES: [${routes.join(', ')}]`, ''].join('\n');
  if (text !== before) keep('nats/keys.conf', text);
  return { made };
}

async function keyOf(path: string, seed: string | undefined): Promise<NatsKey> {
  try {
    return await natsUserKey(seed);
  } catch {
    throw new Failure(EXIT.usage, `${path} is there and holds no NKey seed of a user`, ['remove it, and another is made']);
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unwritable(file, error);
  }
}

function write(file: string, text: string): void {
  const part = `${file}.part`;
  try {
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
    rmSync(part, { force: true });
    writeFileSync(part, text, { mode: 0o400, flag: 'wx' });
    chmodSync(part, 0o400);
    renameSync(part, file);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): Failure {
  return new Failure(EXIT.unexpected, `${file} cannot be used: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
}
