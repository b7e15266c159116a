/**
 * Owns the NATS server of `--nats auto`: one of this process's own, so that a single machine runs what a cluster runs.
 *
 * Invariants: it listens on a free port of loopback, and takes nobody without a token that is made here and stands in no
 * command line, environment or log; it ends with this process, also with one that is killed; one that ends by itself is started again, at the same address and with its data.
 */
import { randomBytes } from 'node:crypto';
import { findNatsServer, startNats, type NatsNode } from '@causeway/cluster';
import { OWN_NATS, type NatsConfig } from '@causeway/config';
import { createWheel, Retries, type Log } from '@causeway/runtime';

/** Milliseconds before it is started again, the first time. */
const FIRST = 100;

export interface OwnNats extends AsyncDisposable {
  /** Where it is, and how to log in. */
  readonly config: NatsConfig;
}

/** Whether a NATS server of the process's own is asked for. */
export function isOwn(nats: NatsConfig | undefined): boolean {
  return nats?.servers[0] === OWN_NATS;
}

/** Rejects with a CausewayError `cluster.unavailable` where no nats-server of 2.11 or newer is found, or it does not start. */
export async function openOwnNats(config: NatsConfig, log: Log): Promise<OwnNats> {
  const [{ openTie }, { path, version }] = await Promise.all([import('@causeway/worker'), findNatsServer()]);
  await using stack = new AsyncDisposableStack();
  const tie = stack.use(await openTie('nats', log));
  const token = randomBytes(24).toString('base64url');
  const revival = new Revival(log);
  const nats = stack.use(
    await startNats({
      nodes: 1,
      binary: path,
      config: `authorization { token: "${token}" }`,
      process: { prefix: tie.prefix, env: {}, started: (one) => tie.bind(one), ended: (node, how) => revival.ended(node, how) },
    }),
  );
  // Before it ends: else it would be started again.
  stack.use(revival);
  const [url] = nats.urls;
  log.info({ url, version, pid: nats.nodes[0]!.pid, path }, 'nats-server of our own');
  const owned = stack.move();
  return { config: { ...config, servers: [url!], token, replicas: 1 }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Starts a server again whenever it has ended, later each time that it does not get ready. */
class Revival implements Disposable {
  readonly #log: Log;
  readonly #wheel = createWheel();
  readonly #retries = new Retries(this.#wheel, FIRST);
  #closed = false;

  constructor(log: Log) {
    this.#log = log;
  }

  ended(node: NatsNode, how: string): void {
    this.#log.error({ how }, 'nats-server ended, starting it again');
    this.#retries.end();
    this.#retries.after(() => void this.#restart(node));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#retries.end();
    this.#wheel[Symbol.dispose]();
  }

  async #restart(node: NatsNode): Promise<void> {
    try {
      await node.restart();
      this.#log.info({ pid: node.pid }, 'nats-server started again');
    } catch (error) {
      if (this.#closed) return;
      this.#log.error({ err: error }, 'nats-server did not start');
      this.#retries.after(() => void this.#restart(node));
    }
  }
}
