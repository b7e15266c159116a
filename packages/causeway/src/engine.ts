/**
 * Owns how V8 is set up for a process of ours.
 *
 * What lies outside its heap: by default 64 MiB of buffers that have come and gone start a collection of the whole heap,
 * however small that is: at 1 MB a message one of every ten messages. Counted with the heap, as this asks, collections follow
 * what lives; and since most of it is freed with the young, the heap may grow to five times of what lived at the last
 * collection before there is another (docs/adr/0009).
 *
 * When code is compiled: a call passes through some hundred functions, each of which V8 wants to have seen 3,000 times, and
 * 500 times since it last learned a new type, before it compiles it well. Here half of that, and 100, will do (docs/adr/0021).
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS = [
  '--external-memory-accounted-in-global-limit',
  '--heap-growing-percent=400',
  '--invocation-count-for-turbofan=1500',
  '--minimum-invocations-after-ic-update=100',
];

/** Majors of Node whose V8 is known to have the flags; another would complain on stderr. */
const KNOWN: ReadonlySet<string> = new Set(['24']);

/** For a process of our own, before it serves; a library leaves its host alone. */
export function setUpEngine(): void {
  if (KNOWN.has(process.versions.node.split('.')[0]!)) for (const flag of FLAGS) setFlagsFromString(flag);
}
