/**
 * Owns finding out who holds a port, for one message. Linux only, best effort, reads /proc; elsewhere and for processes
 * of other users the answer is that it is not known.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export interface Holder {
  readonly pid: number;
  readonly name: string;
}

const LISTENING = '0A';

export function portHolder(port: number): Holder | undefined {
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) for (const inode of listeners(table, port)) sockets.add(`socket:[${inode}]`);
  if (sockets.size === 0) return undefined;
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      if (!sockets.has(link(`/proc/${pid}/fd/${fd}`))) continue;
      return { pid: Number(pid), name: nameOf(pid) };
    }
  }
  return undefined;
}

function* listeners(table: string, port: number): Generator<string> {
  for (const line of read(table).split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTENING && inode !== undefined && Number.parseInt(local?.split(':')[1] ?? '', 16) === port) yield inode;
  }
}

/** The program's own name: threads rename `comm`. */
function nameOf(pid: string): string {
  return basename(read(`/proc/${pid}/cmdline`).split('\0')[0] ?? '') || read(`/proc/${pid}/comm`).trim();
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
