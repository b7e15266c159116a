/**
 * Owns what is said of listeners that others can reach. Pure.
 * Keeps: a public address must have been said by flag or variable, a file alone does not open it; who reaches the admin
 * listener can end sessions, so it has a token there.
 */
import { faultAt, type Document } from './document.ts';
import type { Fault } from './faults.ts';
import type { ParsedSettings } from './schema.ts';
import { isLoopback } from './units.ts';

export interface Reach {
  readonly settings: ParsedSettings;
  readonly main: Document | undefined;
  /** Settings that stand in the file, and are said nowhere else. */
  readonly fromFile: ReadonlySet<string>;
}

export function reachFaults(reach: Reach): Fault[] {
  return [...publicFaults(reach), ...adminFaults(reach)];
}

/** One line each, for people. */
export function reachWarnings({ settings: { listen, auth, http }, fromFile }: Reach): string[] {
  const asks = auth.apiKeys.length > 0 || auth.jwt !== undefined || listen.tls?.clientCaFile !== undefined;
  const open = !isLoopback(listen.host) && !fromFile.has('listen.host');
  return [
    ...(open && !asks
      ? [`${listen.host} can be reached by others, and nobody is asked for a key: set --api-key, or listen on 127.0.0.1`]
      : []),
    // What clients are told to use is what is spoken, unless something between turns the one into the other.
    ...(listen.tls !== undefined && http.baseUrl?.startsWith('http:') === true
      ? [`TLS is on, and clients are sent to ${http.baseUrl}: is https meant (http.baseUrl, --base-url)?`]
      : []),
  ];
}

function publicFaults({ settings: { listen, diagnostics }, main, fromFile }: Reach): Fault[] {
  if (main === undefined) return [];
  const fault = (group: string, host: string, how: string): Fault =>
    faultAt(main, [group], `${host} can be reached by others, and a file alone does not open it: start with ${how}`);
  const open = !isLoopback(listen.host);
  const silent = fromFile.has('listen.host');
  const faults: Fault[] = [];
  if (open && silent) faults.push(fault('listen', listen.host, `--host ${listen.host} (or CAUSEWAY_HOST=${listen.host})`));
  if (diagnostics.port !== false && !isLoopback(diagnostics.host) && fromFile.has('diagnostics.host') && (!open || silent))
    faults.push(fault('diagnostics', diagnostics.host, `CAUSEWAY_DIAGNOSTICS_HOST=${diagnostics.host}`));
  return faults;
}

function adminFaults({ settings: { admin }, main, fromFile }: Reach): Fault[] {
  if (admin.port === false || isLoopback(admin.host)) return [];
  const fault = (text: string): Fault => (main === undefined ? { where: 'settings', path: 'admin', text } : faultAt(main, ['admin'], text));
  const faults: Fault[] = [];
  if (fromFile.has('admin.host'))
    faults.push(
      fault(`${admin.host} can be reached by others, and a file alone does not open it: start with CAUSEWAY_ADMIN_HOST=${admin.host}`),
    );
  if (admin.token === undefined)
    faults.push(
      fault(
        `${admin.host} can be reached by others: the admin listener needs a token there (admin.token: \${file:…}, or CAUSEWAY_ADMIN_TOKEN)`,
      ),
    );
  return faults;
}
