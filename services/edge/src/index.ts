/** The public names of @causeway/edge. */
export { openEdge, type Edge } from './app.ts';
export type { LimitView } from './admin/limits.ts';
export type { SessionsView } from './admin/sessions.ts';
export type { ServerView, WorkerDetail, WorkerView } from './admin/workers.ts';
export type { EdgeOptions } from './context.ts';
export type { AdminDoor } from './http/admin.ts';
export { examineIssuer } from './access/issuer.ts';
