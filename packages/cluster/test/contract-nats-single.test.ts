/** The NATS implementations pass the whole contract over one server. */
import { after, before, describe } from 'node:test';
import { startNats, type Nats } from '@causeway/cluster';
import { admissionContract, busContract, ledgerContract, sessionsContract } from '@causeway/cluster/contract';
import { natsBusWorld, natsClusterWorld } from './support/nats-world.ts';

describe('one nats-server', () => {
  let nats: Nats;
  before(async () => {
    nats = await startNats({ nodes: 1 });
  });
  after(() => nats[Symbol.asyncDispose]());
  busContract((limits) => natsBusWorld(nats, limits));
  ledgerContract((times) => natsClusterWorld(nats, ({ ledger }) => ledger, times));
  admissionContract((times) => natsClusterWorld(nats, ({ ledger }) => ledger, times), 20);
  sessionsContract(() => natsClusterWorld(nats, ({ sessions }) => sessions));
});
