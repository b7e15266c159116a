/**
 * Owns finding out whether a server speaks 2026-07-28: a disposable sibling of its children is started, asked once,
 * and stopped. A child that is to be used is never asked: some servers take the question for the choice of the era, and
 * refuse `initialize` after it, end, or fall silent (spec: 2026-07-28 basic/transports/stdio).
 *
 * Invariants: the sibling is gone when the probe has settled; silence for `SILENCE` milliseconds is a verdict; a
 * sibling that could not be started is none.
 */
import type { ServerConfig } from '@causeway/config';
import { echoedAt, FrameFault, memberText, MODERN_REVISION, ownMeta, readServerLine, refusedAnswer, requestOf } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { Child, ChildListeners } from '../child/child.ts';

/** What the sibling did: only `modern` means that it speaks the revision. */
export type ProbeOutcome = 'modern' | 'refused' | 'ended' | 'silent';

const QUESTION = requestOf(1, 'server/discover', `{"_meta":${ownMeta('causeway-probe')}}`);
/** The code of an answer that lists the revisions which the server has. */
const UNSUPPORTED_VERSION = -32022;
/** Milliseconds from the start of the sibling on. */
export const SILENCE = 5_000;

export interface ProbeDeps {
  readonly start: (server: ServerConfig, listeners: ChildListeners, signal: AbortSignal) => Promise<Child>;
  readonly wheel: Wheel;
  /** Ends the probe, with its reason. */
  readonly signal: AbortSignal;
}

/** Rejects with CausewayError if the sibling could not be started, and with the signal's reason. */
export async function probeEra(server: ServerConfig, { start, wheel, signal }: ProbeDeps): Promise<ProbeOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeOutcome>();
  // Settled before somebody waits for it, a rejection is nobody's fault.
  promise.catch(() => undefined);
  const listeners: ChildListeners = {
    line: (line) => {
      const outcome = readAnswer(line);
      if (outcome) resolve(outcome);
    },
    broken: () => resolve('ended'),
    exit: () => resolve('ended'),
  };
  const child = await start(server, listeners, signal);
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const cancel = wheel.after(SILENCE, () => resolve('silent'));
  try {
    if (!child.write(QUESTION)) resolve('ended');
    return await promise;
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
    await child.stop({ gentle: false });
  }
}

/** `undefined` for every line but the answer. */
function readAnswer(line: Buffer): 'modern' | 'refused' | undefined {
  try {
    const { kind, id } = readServerLine(line);
    if (kind !== 'response' || echoedAt(line, id) !== 1) return undefined;
  } catch (error) {
    if (!(error instanceof FrameFault)) throw error;
    return refusedAnswer(line) ? 'refused' : undefined;
  }
  return listsModern(line) ? 'modern' : 'refused';
}

/** Whether an answer, be it to `server/discover` or to `initialize`, says that the server has the revision. */
export function listsModern(answer: Buffer): boolean {
  const versions = listed(memberText(answer, 'result')) ?? listed(memberText(answer, 'error'));
  return Array.isArray(versions) && versions.includes(MODERN_REVISION);
}

interface Listing {
  readonly supportedVersions?: unknown;
  readonly code?: unknown;
  readonly data?: { readonly supported?: unknown } | null;
}

function listed(member: string | undefined): unknown {
  if (member === undefined) return undefined;
  try {
    const parsed = JSON.parse(member) as Listing | null;
    return parsed?.code === UNSUPPORTED_VERSION ? parsed.data?.supported : parsed?.supportedVersions;
  } catch {
    // Our own reader lets control characters pass that JSON does not have.
    return undefined;
  }
}
