/**
 * Owns how V8 weighs what lies outside its heap. By default 64 MiB of buffers that have come and gone start a collection
 * of the whole heap, however small that is: at 1 MB a message one of every ten messages. Counted with the heap, as this
 * asks, collections follow what lives; and since most of it is freed with the young, the heap may grow to five times of
 * what lived at the last collection before there is another. Figures and the price in memory: docs/adr/0009.
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS = ['--external-memory-accounted-in-global-limit', '--heap-growing-percent=400'];

/** Majors of Node whose V8 is known to have the flags; another would complain on stderr. */
const KNOWN: ReadonlySet<string> = new Set(['24']);

/** For a process of our own, before it serves; a library leaves its host alone. */
export function weighHeap(): void {
  if (KNOWN.has(process.versions.node.split('.')[0]!)) for (const flag of FLAGS) setFlagsFromString(flag);
}
