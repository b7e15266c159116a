/**
 * Owns TLS in front of HTTP: servers that have the certificate, the newer one as soon as its files have changed, and what is said
 * of those who do not get through the handshake.
 *
 * Invariants: a certificate that cannot be served with never takes the place of one that can; all listeners have the same; where
 * clients are to show a certificate, no byte of HTTP is read of who did not; who stays in the handshake is closed as one who sends no
 * head is, and at once when the listener closes.
 */
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { Server as NetServer, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  CertificateError,
  dayOf,
  readCertificate,
  watchFiles,
  type Certificate,
  type CertificateFiles,
  type Clock,
  type Health,
  type Log,
  type Wheel,
} from '@causeway/runtime';
import { bindHalf } from './localhost.ts';

export interface SecureOptions {
  readonly files: CertificateFiles;
  /** As without TLS; the handshake has the time of a head. */
  readonly connections: ServerOptions;
  readonly broken: (error: Error, socket: Socket) => void;
  /** Bounds the connections of a listener. */
  readonly bound: (server: NetServer) => void;
}

export interface SecureDeps {
  readonly log: Log;
  readonly wheel: Wheel;
  readonly clock: Clock;
}

type Handler = NonNullable<Parameters<typeof createServer>[1]>;

/** Milliseconds between two words on handshakes that failed. */
const PAUSE = 60_000;

export class SecureServers implements Disposable {
  readonly #options: SecureOptions;
  readonly #deps: SecureDeps;
  readonly #watch: Disposable;
  readonly #servers: Server[] = [];
  /** Connections below TLS: Node counts none as one of HTTP before its handshake is over. */
  readonly #sockets = new Set<Socket>();
  #certificate: Certificate;
  /** What is wrong with the files as they are now. */
  #fault: string | undefined;
  #handler: Handler = () => undefined;
  #closed = false;
  /** Since it was said last, and when that was. */
  #failed = 0;
  #told = -Infinity;

  /** Throws a CertificateError. */
  constructor(options: SecureOptions, deps: SecureDeps) {
    this.#options = options;
    this.#deps = deps;
    const { files } = options;
    this.#certificate = readCertificate(files, deps.clock.now());
    this.#watch = watchFiles([files.certFile, files.keyFile, files.clientCaFile ?? []].flat(), {
      wheel: deps.wheel,
      changed: () => this.#renew(),
      failed: (directory, err) => deps.log.warn({ directory, err }, 'certificate cannot be watched, a new one needs a restart'),
    });
  }

  create(handler: Handler): Server {
    const { connections, files, bound } = this.#options;
    const asks = files.clientCaFile !== undefined;
    const server = createServer(
      {
        ...connections,
        ...this.#certificate.context,
        ...(connections.headersTimeout === undefined ? {} : { handshakeTimeout: connections.headersTimeout }),
        requestCert: asks,
        rejectUnauthorized: asks,
      },
      handler,
    );
    bound(server);
    server.on('connection', (socket: Socket) => {
      if (this.#closed) return void socket.destroy();
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // Node's own would have it told over HTTP.
    server.removeAllListeners('tlsClientError').on('tlsClientError', (error, socket) => this.#refuse(error, socket));
    this.#handler = handler;
    this.#servers.push(server);
    return server;
  }

  /** Listens on further addresses. Rejects with Node's own error where another program has the port on one. */
  async listenToo(port: number, addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const server = this.create(this.#handler);
      server.on('clientError', this.#options.broken);
      await bindHalf(server, port, address);
    }
  }

  closeIdleConnections(): void {
    for (const server of this.#servers) server.closeIdleConnections();
  }

  state(): ReturnType<Parameters<Health['add']>[1]> {
    const { ends } = this.#certificate;
    if (ends <= this.#deps.clock.now()) return { state: 'degraded', note: `ended on ${dayOf(ends)}` };
    return this.#fault === undefined ? { state: 'ok' } : { state: 'degraded', note: 'a newer one cannot be used' };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#watch[Symbol.dispose]();
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #renew(): void {
    const { log, clock } = this.#deps;
    try {
      const next = readCertificate(this.#options.files, clock.now());
      this.#fault = undefined;
      if (isSame(next, this.#certificate)) return;
      for (const server of this.#servers) server.setSecureContext(next.context);
      this.#certificate = next;
      log.info({ names: next.names, until: dayOf(next.ends) }, 'certificate renewed');
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      if (error.message === this.#fault) return;
      this.#fault = error.message;
      log.warn({ setting: `listen.tls.${error.setting}`, why: error.message }, 'certificate not renewed, the one before is kept');
    }
  }

  /** Who leaves without a word is none of these: balancers look so whether somebody listens. */
  #refuse(error: Error & { readonly code?: string }, socket: TLSSocket): void {
    const { authorizationError: untrusted, remoteAddress: from } = socket;
    socket.destroy();
    if (error.code === 'ECONNRESET' && !untrusted) return;
    this.#failed += 1;
    const now = this.#deps.clock.monotonic();
    if (now - this.#told < PAUSE) return;
    this.#deps.log.info({ why: untrusted ? String(untrusted) : error.code, from, failed: this.#failed }, 'tls handshakes failed');
    this.#told = now;
    this.#failed = 0;
  }
}

function isSame({ context: a }: Certificate, { context: b }: Certificate): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
