/** A cluster in virtual time, for whoever proves something over random schedules: call it in a file that `node --test` runs. */
export { TIMES, type Member } from './member.ts';
export { runHere, runSchedules } from './run.ts';
export { type VirtualTime } from './time.ts';
export { World } from './world.ts';
export type { FoundMark } from '../generations.ts';
