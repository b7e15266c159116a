/** The public names of @causeway/worker. */
export { openWorker, type Worker, type WorkerDeps } from './app.ts';
export { openProbes, type Probes } from './probes.ts';
export type { WorkerOptions } from './options.ts';
export type { Machine } from './machine.ts';
export { openTie, type Tie } from './child/tie.ts';
export type { Child, ChildExit, ChildListeners } from './child/child.ts';
