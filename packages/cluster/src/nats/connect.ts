/**
 * Owns the connections of one process to NATS: one for control (ledger, session records), one for data, so
 * that a data connection which the server cuts off does not cost the lease. Sets every option whose default
 * would hurt: ten reconnect attempts, pings every two minutes, a stack trace per request.
 * Invariant: what is returned speaks to a server of 2.11 or newer with JetStream; an older one would ignore
 * message TTL without a word, and no lease would ever end.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError } from '@causeway/protocol';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  type Authenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import type { NatsClusterOptions, NatsCredentials } from '../cluster.ts';
import { Link } from './link.ts';
import { isPassing, patiently } from './patience.ts';
import { tlsFault, tlsOptions } from './tls.ts';

const CONNECT_DEADLINE = 30_000;
/** Milliseconds between attempts, and the most that chance adds. */
const RETRY = 250;
/** Milliseconds after which it is told that no server has answered yet: one that starts with us may. */
const SILENT = 1_000;
/** Milliseconds that one server may take to greet us. */
const HANDSHAKE = 5_000;
/** Milliseconds for one management request: a stream that has no leader yet answers nothing at all. */
const ATTEMPT = 1_000;
/** Where Node tells of each socket that is made to connect. */
const DIALLED = 'net.client.socket';

export interface NatsConnections extends AsyncDisposable {
  readonly control: Link;
  readonly data: Link;
  readonly manager: JetStreamManager;
  /** The server is one of a cluster. How many there are it need not tell, and at its start it does not know. */
  readonly clustered: boolean;
  /** Milliseconds of `connectDeadline` that are left. */
  remaining(): number;
}

export async function connectNats(options: NatsClusterOptions): Promise<NatsConnections> {
  const ends = performance.now() + (options.connectDeadline ?? CONNECT_DEADLINE);
  const remaining = (): number => Math.max(0, ends - performance.now());
  await using stack = new AsyncDisposableStack();
  const open = async (role: string): Promise<NatsConnection> => {
    const nc = await dial(connectionOptions(options, role), options, ends);
    stack.defer(() => nc.close());
    return nc;
  };
  const control = await open('control');
  const manager = await jetstreamManager(control, { checkAPI: false, timeout: ATTEMPT });
  await checkServer(control, manager, remaining());
  const data = await open('data');
  const owned = stack.move();
  return {
    control: new Link(control, options.warn),
    data: new Link(data, options.warn),
    manager,
    clustered: control.info?.cluster !== undefined,
    remaining,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export function connectionOptions(options: NatsClusterOptions, role: string): NodeConnectionOptions {
  const urls = options.servers.map((server) => new URL(server.includes('://') ? server : `nats://${server}`));
  const named = urls.find((url) => url.username !== '');
  const tls = tlsOptions(options, urls);
  return {
    servers: urls.map((url) => url.host),
    name: `${options.name}:${role}`,
    inboxPrefix: `${options.inbox}.${role}`,
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY,
    reconnectJitter: RETRY,
    reconnectJitterTLS: RETRY,
    pingInterval: 5_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: options.gossip === false,
    ...(tls === undefined ? {} : { tls }),
    ...(options.credentials !== undefined ? authentication(options.credentials) : named === undefined ? {} : inUrl(named)),
  };
}

function inUrl(url: URL): NodeConnectionOptions {
  const user = decodeURIComponent(url.username);
  return url.password === '' ? { token: user } : { user, pass: decodeURIComponent(url.password) };
}

function authentication(credentials: NatsCredentials): NodeConnectionOptions {
  if ('user' in credentials) return { user: credentials.user, pass: credentials.password };
  if ('token' in credentials) return { token: credentials.token };
  if ('credsFile' in credentials) return { authenticator: fromFile(credentials.credsFile, (bytes) => credsAuthenticator(bytes)) };
  return { authenticator: fromFile(credentials.nkeyFile, (bytes) => nkeyAuthenticator(Buffer.from(bytes.toString('utf8').trim()))) };
}

/** Reads the file at every connection, so that new credentials are taken up; keeps the last that could be read. */
function fromFile(path: string, make: (bytes: Buffer) => Authenticator): Authenticator {
  let last: Buffer;
  try {
    last = readFileSync(path);
  } catch (cause) {
    throw new CausewayError('cluster.unavailable', { message: `The NATS credentials file ${path} cannot be read.`, cause });
  }
  return (nonce) => {
    try {
      last = readFileSync(path);
    } catch {
      // a file that is being replaced may be missing for a moment; the server has the last word
    }
    return make(last)(nonce);
  };
}

/** Waits for a first server to answer, until the deadline; a refusal of the credentials, or one by TLS, ends the wait. */
export async function dial(connection: NodeConnectionOptions, options: NatsClusterOptions, ends: number): Promise<NatsConnection> {
  const begun = performance.now();
  let told = false;
  for (;;) {
    const left = ends - performance.now();
    try {
      const nc = await attempt({ ...connection, timeout: Math.max(RETRY, Math.min(left, HANDSHAKE)) });
      // the client forgets servers that were down at its first attempt
      const given = Array.isArray(connection.servers) ? connection.servers : [];
      nc.setServers([...new Set([...given, ...nc.getServers().map((server) => server.listen)])]);
      return nc;
    } catch (error) {
      const wait = RETRY + Math.random() * RETRY;
      if (error instanceof AuthorizationError || tlsFault(error) !== undefined || left < wait)
        throw unreachable(error, options, connection.tls !== undefined);
      if (!told && performance.now() - begun > SILENT) {
        told = true;
        options.warn?.(
          `no NATS server answers at ${placesOf(options)} (${reasonOf(error)}), waiting for one up to ${Math.round(left / 1000)} s`,
        );
      }
      await sleep(wait, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}

/**
 * One attempt at every server that was named. The client takes up what a server tells of others before it is let in, and
 * so goes round a cluster that refuses it for ever, without a word: the first time it must not listen to that.
 */
async function attempt(connection: NodeConnectionOptions): Promise<NatsConnection> {
  const nc = await greeted({ ...connection, ignoreClusterUpdates: true });
  if (connection.ignoreClusterUpdates === true) return nc;
  await nc.close();
  return greeted(connection);
}

/** The client gives up who does not greet it, and leaves the socket open: it would keep a process that has nothing else to do. */
async function greeted(connection: NodeConnectionOptions): Promise<NatsConnection> {
  const dialled = new Set<Socket>();
  const here = new AsyncLocalStorage<true>();
  const note = (message: unknown): void => {
    if (here.getStore() === true) dialled.add((message as { readonly socket: Socket }).socket);
  };
  subscribe(DIALLED, note);
  try {
    return await here.run(true, () => connect(connection));
  } catch (error) {
    for (const socket of dialled) socket.destroy();
    throw error;
  } finally {
    unsubscribe(DIALLED, note);
    // Before Node 24 every promise would be followed from here on.
    here.disable();
  }
}

/** Without what it logs in with. */
function placesOf({ servers }: NatsClusterOptions): string {
  return servers.map((server) => server.replace(/^([a-z]+:\/\/)?.*@/is, '$1')).join(', ');
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unreachable(cause: unknown, options: NatsClusterOptions, overTls: boolean): CausewayError {
  const [where, why] = [placesOf(options), reasonOf(cause)];
  const fault = tlsFault(cause);
  // It lets go, without a word that the client passes on, who shows no certificate or one that it does not trust.
  const asks =
    overTls && why === 'timeout' ? ' If it asks for certificates: nats.tls.certFile and keyFile give it one that it trusts.' : '';
  const message =
    cause instanceof AuthorizationError
      ? `NATS at ${where} refused the credentials (${why}). Check the NATS user, password, token or credentials file.`
      : fault !== undefined
        ? `NATS at ${where} answers, but ${fault[0]}. ${fault[1]}`
        : `No NATS server answered at ${where} (${why}). Start one there, or correct the NATS address.${asks}`;
  return new CausewayError('cluster.unavailable', { message, cause });
}

export async function checkServer(nc: NatsConnection, manager: JetStreamManager, deadline: number): Promise<void> {
  const { version = '0.0.0', jetstream } = nc.info ?? {};
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const where = nc.getServer();
  const refuse = (message: string, cause?: unknown): never => {
    throw new CausewayError('cluster.unavailable', { message, cause });
  };
  const old = `The NATS server at ${where} is version ${version}; 2.11 or newer is needed, as older ones never end a lease. Upgrade it.`;
  if (major < 2 || (major === 2 && minor < 11)) refuse(old);
  const off = `JetStream is off at the NATS server at ${where}. Start it with -js, or enable JetStream for this account.`;
  const leaderless = `JetStream at ${where} does not answer: it has no leader. Are most NATS servers up?`;
  // a server without JetStream may still reach others that have it; one that has it may be electing
  const patience = jetstream === true ? deadline : 0;
  const info = await patiently(patience, () => manager.getAccountInfo()).catch((error: unknown) =>
    refuse(jetstream === true && isPassing(error) ? leaderless : off, error),
  );
  if ((info.api.level ?? 0) < 1) refuse(old);
}
