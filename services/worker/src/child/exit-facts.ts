/** Owns what a client may know of a child's end. Pure. */
import type { ErrorFacts } from '@causeway/protocol';
import type { ChildExit } from './child.ts';

/** `{stderr, exitCode, signal}`; the last two where there are any. */
export function exitFacts({ code, signal, stderr }: ChildExit): ErrorFacts {
  return { stderr, ...(code === null ? {} : { exitCode: code }), ...(signal === null ? {} : { signal }) };
}
