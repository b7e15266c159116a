/**
 * Owns a worker that says what a test tells it to: it stands at the real bus and the real ledger, and so
 * can refuse, fall silent and vanish on command, which a real one cannot.
 */
import { decode, encode, type AskHead, type Cluster, type DownHead, type Lease, type UpHead, type WorkerRecord } from '@causeway/cluster';
import { newWorkerId, type WorkerId } from '@causeway/protocol';

export interface Heard {
  readonly head: UpHead | AskHead;
  readonly body: string;
  readonly reply: string | undefined;
}

export interface ScriptedWorker extends AsyncDisposable {
  readonly id: WorkerId;
  readonly heard: Heard[];
  /** Replaces what it does with each message. */
  on(script: (heard: Heard) => void): void;
  say(to: string | undefined, head: DownHead, body?: string): void;
  /** Leaves the bus but keeps its lease: nobody answers. */
  deafen(): void;
  /** Is on the bus again. */
  listen(): Promise<void>;
  /** Says whether it takes sessions, in its record. */
  stand(draining: boolean): void;
  /** Gives the lease back: the cluster knows that it is gone. */
  vanish(): Promise<void>;
}

const SERVED: WorkerRecord['servers'] = { echo: { default: true, recovery: 'restart' } };

export async function scriptedWorker(
  cluster: Cluster,
  script: (worker: ScriptedWorker, heard: Heard) => void,
  servers = SERVED,
): Promise<ScriptedWorker> {
  const id = newWorkerId();
  const lease: Lease = await cluster.ledger.lease({
    v: 1,
    worker: id,
    host: 'test',
    version: '0',
    capacity: 10,
    draining: false,
    servers,
  });
  const heard: Heard[] = [];
  let act = script;
  const listen = () =>
    cluster.bus.subscribe(cluster.subjects.workerAll(id), (message) => {
      const envelope = message.kind === 'data' ? decode<UpHead | AskHead>(message.data) : undefined;
      if (!envelope) return;
      const one: Heard = { head: envelope.head, body: envelope.body.toString(), reply: message.reply };
      heard.push(one);
      act(worker, one);
    });
  let subscription = await listen();
  const worker: ScriptedWorker = {
    id,
    heard,
    on: (next) => {
      act = (_worker, one) => next(one);
    },
    say: (to, head, body) => {
      if (to !== undefined) cluster.bus.publish(to, body === undefined ? encode(head) : encode(head, Buffer.from(body)));
    },
    deafen: () => subscription.unsubscribe(),
    listen: async () => {
      subscription = await listen();
    },
    stand: (draining) => lease.update({ draining }),
    vanish: () => Promise.resolve(lease[Symbol.asyncDispose]()),
    async [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      await lease[Symbol.asyncDispose]();
    },
  };
  return worker;
}

const GRANT = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'echo', version: '1' } };

/** Opens every session and answers every request with its own method. */
export function obliging(worker: ScriptedWorker, { head, body, reply }: Heard): void {
  if (head.t === 'open') {
    if (head.transport === 'sse') return worker.say(reply, { t: 'ok' });
    const { id } = JSON.parse(body) as { id: unknown };
    const granted = { t: 'server', seq: 1, last: true, opened: true, revision: GRANT.protocolVersion } as const;
    return worker.say(reply, granted, JSON.stringify({ jsonrpc: '2.0', id, result: GRANT }));
  }
  if (head.t === 'client' && head.frame.kind === 'request') {
    const { id, method } = JSON.parse(body) as { id: unknown; method: string };
    return worker.say(reply, { t: 'server', seq: 1, last: true }, JSON.stringify({ jsonrpc: '2.0', id, result: { method } }));
  }
  worker.say(reply, { t: 'ok', revision: '2025-11-25' });
}
