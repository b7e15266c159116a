/** The embedded default passes the whole contract. */
import { describe } from 'node:test';
import { admissionContract, busContract, ledgerContract, sessionsContract, type World } from '@causeway/cluster/contract';
import { MemoryHub, openMemoryCluster, type MemoryCluster, type MemoryClusterOptions } from '@causeway/cluster';

async function world<T>(options: MemoryClusterOptions, part: (cluster: MemoryCluster) => T): Promise<World<T>> {
  const hub = new MemoryHub();
  await using stack = new AsyncDisposableStack();
  const owned = stack.move();
  return {
    prefix: 'cw',
    async join() {
      const cluster = owned.use(await openMemoryCluster({ ...options, hub }));
      return {
        part: part(cluster),
        cut: async () => cluster.setConnected(false),
        heal: async () => cluster.setConnected(true),
        async vanish() {
          cluster.setConnected(false);
          await cluster[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('embedded', () => {
  busContract((limits) => world({ limits }, ({ bus }) => bus));
  ledgerContract((leaseTimes) => world({ leaseTimes }, ({ ledger }) => ledger));
  admissionContract((leaseTimes) => world({ leaseTimes }, ({ ledger }) => ledger), 20);
  sessionsContract(() => world({}, ({ sessions }) => sessions));
});
