/**
 * Owns how a pipe of a child is listened to, and how that ends. Node keeps a stream that can be written to until the whole heap
 * is collected, for a function of it is born old (docs/adr/0014): whoever still listened to it would be kept with all that
 * it knows, a session with every child.
 *
 * Invariant: an error of a pipe is always heard by somebody; unheard, it would take the whole worker down.
 */
import type { EventEmitter } from 'node:events';

/** By the name of the event. */
type Hearing = Readonly<Record<string, (...told: never[]) => void>>;

const ignore = (): void => undefined;

/** Returns what ends the hearing; idempotent. */
export function hear(pipe: EventEmitter, hearing: Hearing): () => void {
  const heard = Object.entries(hearing) as [string, () => void][];
  pipe.on('error', ignore);
  for (const [event, listener] of heard) pipe.on(event, listener);
  return () => {
    for (const [event, listener] of heard) pipe.off(event, listener);
  };
}
