/** The public names of @causeway/edge. */
export { openEdge, type Edge, type EdgeDeps } from './app.ts';
export type { EdgeOptions } from './context.ts';
