/**
 * Owns what the translations between the eras are given.
 */
import type { WorkerId } from '@causeway/protocol';
import type { Clock, Durations, Wheel } from '@causeway/runtime';
import type { ParkedCalls } from '../stateless/parked-calls.ts';

export interface EraDeps {
  readonly worker: WorkerId;
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** Of the whole cluster: seals the state between two rounds. */
  readonly key: Uint8Array;
  readonly parked: ParkedCalls;
  /** Of what servers are asked. */
  readonly durations: Durations;
}
