/** The public names of @causeway/worker. */
export { openWorker, type Worker, type WorkerDeps, type WorkerOptions } from './app.ts';
