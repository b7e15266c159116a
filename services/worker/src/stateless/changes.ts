/**
 * Owns what servers say of themselves without being asked: lists that have changed, resources that were updated, and who hears it:
 * the subscriptions of this worker and of every other one that serves the same server.
 */
import { Envelope, offer, type ChangedHead, type Cluster } from '@causeway/cluster';
import { LISTS, type Frame, type List, type WorkerId } from '@causeway/protocol';
import { servesOnce } from '../pool/lease.ts';
import type { Pool } from '../pool/pool.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';
import type { Listens } from './listen.ts';
import type { ToolHeaders } from './tool-headers.ts';

export interface ChangesDeps {
  readonly cluster: Cluster;
  readonly worker: WorkerId;
}

export class Changes {
  readonly #deps: ChangesDeps;
  readonly #tools: ToolHeaders;
  readonly #listens: Listens;

  constructor(deps: ChangesDeps, { tools, listens }: { readonly tools: ToolHeaders; readonly listens: Listens }) {
    this.#deps = deps;
    this.#tools = tools;
    this.#listens = listens;
  }

  /** A child of this worker has said something. */
  heard(pool: Pool, frame: Frame, process: PooledProcess): void {
    const { method = '' } = frame;
    const [, list, what] = method.split('/');
    if (what === 'list_changed' && (LISTS as readonly string[]).includes(list ?? '')) return this.#announce(pool, list as List, process);
    if (method === 'notifications/resources/updated') this.#listens.updated(pool, frame);
  }

  /** Another worker's child has noticed a change. */
  changed({ server, list, quiet }: ChangedHead): void {
    this.#tools.forget(server);
    if (!quiet) this.#listens.changed(server, list);
  }

  /**
   * Subscriptions may be open at any worker that serves the same server. Of children that serve nobody after their one use only
   * those are heard that listen: else a server that says so at each start, and a client that lists again, would go on for ever.
   */
  #announce({ order }: Pool, list: List, process: PooledProcess): void {
    const { cluster, worker } = this.#deps;
    const quiet = servesOnce(order) && !this.#listens.has(process);
    const head: ChangedHead = { t: 'changed', server: order.server.name, list, ...(quiet ? { quiet } : {}) };
    this.changed(head);
    for (const [other, { servers }] of cluster.ledger.workers()) {
      if (other !== worker && Object.hasOwn(servers, head.server))
        offer(() => cluster.bus.publish(cluster.subjects.changed(other), new Envelope(head)));
    }
  }
}
