/**
 * The door for simulations: an edge without its listeners, whose handlers are called directly, in a world whose time
 * and chance are given.
 */
export type { EdgeContext } from './context.ts';
export { asRefusal, refuse } from './http/refusal.ts';
export { message, openSse } from './http/legacy-sse.ts';
export { get, post, remove } from './http/streamable.ts';
export type { Visit } from './http/visit.ts';
export { openContext } from './open-context.ts';
