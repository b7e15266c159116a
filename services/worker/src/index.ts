/** The public names of @causeway/worker. */
export { openWorker, type Worker, type WorkerDeps } from './app.ts';
export type { WorkerOptions } from './options.ts';
