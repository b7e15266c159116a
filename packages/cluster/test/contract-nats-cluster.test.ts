/** The NATS implementations pass the whole contract over a cluster of three, each member at another server. */
import { after, before, describe } from 'node:test';
import { startNats, type Nats } from '@causeway/cluster';
import { admissionContract, busContract, ledgerContract, sessionsContract } from '@causeway/cluster/contract';
import { natsBusWorld, natsClusterWorld } from './support/nats-world.ts';

describe('three nats-servers', () => {
  let nats: Nats;
  before(async () => {
    nats = await startNats({ nodes: 3 });
  });
  after(() => nats[Symbol.asyncDispose]());
  busContract((limits) => natsBusWorld(nats, limits));
  ledgerContract((times) => natsClusterWorld(nats, ({ ledger }) => ledger, times));
  admissionContract((times) => natsClusterWorld(nats, ({ ledger }) => ledger, times), 20);
  sessionsContract(() => natsClusterWorld(nats, ({ sessions }) => sessions));
});
