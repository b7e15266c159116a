/** Owns what `doctor` looks at on this machine: commands, packages, the certificate, open files, ports. Starts nothing; a port is held for a moment. */
import { accessSync, constants, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Finding } from '@causeway/cluster';
import type { Config, Loaded, ServerConfig } from '@causeway/config';
import { dayOf } from '@causeway/runtime';
import { findBridges } from './admin-file.ts';
import { findCommand } from './find-command.ts';
import { missingCommand } from './not-found.ts';
import { unpinned } from './pinned.ts';
import { portHolder } from './port-holder.ts';
import { classFailure } from './start-failure.ts';
import { checkedCertificate } from './tls-files.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Whether each server's program is there, and whether it stays the same. */
export function lookAtServers(servers: readonly ServerConfig[], env: Env): Finding[] {
  return servers.flatMap((server) => {
    const { name, command, args, shell } = server;
    const missing = enterable(server.cwd ?? '.') ? missingCommand(server, env) : classFailure(server, 'bad_cwd');
    if (missing !== undefined)
      return [{ name: 'command', state: 'fail', text: [missing.message, ...missing.hints.map((hint) => hint.trim())].join('; ') }];
    const path = server.env['PATH'] ?? env['PATH'] ?? '';
    const file = shell ? undefined : findCommand({ command, path, ...(server.cwd === undefined ? {} : { cwd: server.cwd }) });
    const found: Finding = { name: 'command', state: 'ok', text: `server ${name}: ${file ?? 'a line for the shell, not looked at'}` };
    const loose = shell ? undefined : unpinned(command, args);
    if (loose === undefined) return [found];
    const text = `server ${name}: no pinned version of ${loose.name}, so what runs can change at any start; write ${loose.better}`;
    return [found, { name: 'version', state: 'warn', text }];
  });
}

function enterable(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

/** Milliseconds before its end in which a certificate should have been renewed: two weeks. */
const SOON = 14 * 24 * 3_600_000;

/** What clients are shown, if it can be. */
export function lookAtCertificate(loaded: Pick<Loaded, 'config' | 'origins'>, now = Date.now()): Finding[] {
  const tell = (state: Finding['state'], text: string): Finding[] => [{ name: 'certificate', state, text }];
  try {
    const certificate = checkedCertificate(loaded);
    if (certificate === undefined) return [];
    const { names, ends } = certificate;
    const of = `certificate of ${names.join(', ') || 'no name'}`;
    return ends - now < SOON ? tell('warn', `${of} ends soon, on ${dayOf(ends)}`) : tell('ok', `${of}, until ${dayOf(ends)}`);
  } catch (error) {
    return tell('fail', (error as Error).message);
  }
}

/** Descriptors for a session in one process with its client's connections, and for all else. */
const EACH = 6;
const BESIDE = 512;

/** Node raises its own limit to the hard one. */
export function lookAtFiles(capacity: number): Finding {
  const { userLimits } = process.report.getReport() as { readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } } };
  const limit = userLimits?.open_files?.soft;
  if (typeof limit !== 'number')
    return { name: 'files', state: 'ok', text: `open files: ${typeof limit === 'string' ? limit : 'limit not known'}` };
  const wanted = BESIDE + EACH * capacity;
  if (limit >= wanted) return { name: 'files', state: 'ok', text: `open files: ${limit} (ulimit -n)` };
  return {
    name: 'files',
    state: 'warn',
    text: `open files: ${limit}, and ${capacity} sessions may need ${wanted}; raise ulimit -n, or lower worker.capacity`,
  };
}

/** The listeners of a bridge: whether their ports are free, or held by one that runs here already. */
export async function lookAtPorts({ listen, diagnostics, admin }: Config): Promise<Finding[]> {
  const ours = new Set(findBridges().map(({ pid }) => pid));
  const look = async (what: string, host: string, port: number, needed: boolean): Promise<Finding> => {
    const tell = (state: Finding['state'], text: string): Finding => ({ name: 'port', state, text: `${what} port ${port}: ${text}` });
    const code = await bindError(host, port);
    if (code === undefined) return tell('ok', `free on ${host}`);
    if (code !== 'EADDRINUSE')
      return tell('fail', code === 'EACCES' ? 'may not be used by this user' : `${host} cannot be listened on (${code})`);
    const holder = portHolder(port);
    if (holder !== undefined && ours.has(holder.pid)) return tell('ok', `held by a running causeway (pid ${holder.pid})`);
    const by = holder === undefined ? 'in use' : `in use by ${holder.name} (pid ${holder.pid})`;
    return needed ? tell('fail', `${by}; choose another with --port`) : tell('warn', `${by}; a free one would be taken`);
  };
  return Promise.all([
    ...(listen.port === 0 ? [] : [look('MCP', listen.host, listen.port, true)]),
    ...(diagnostics.port === false || diagnostics.port === 0 ? [] : [look('diagnostics', diagnostics.host, diagnostics.port, false)]),
    ...(admin.port === false || admin.port === 0 ? [] : [look('admin', admin.host, admin.port, false)]),
  ]);
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
