/** The contract suites, for whoever brings another implementation: call them in a file that `node --test` runs. */
export { admissionContract } from './admission.ts';
export { busContract, CONTRACT_LIMITS } from './bus.ts';
export { CONTRACT_TIMES, ledgerContract } from './ledger.ts';
export { sessionsContract } from './sessions.ts';
export type { Party, World } from './world.ts';
