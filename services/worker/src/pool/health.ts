/**
 * Owns the question whether a child lives that was idle for long. Any answer is life; one that gives none in time is
 * ended.
 */
import { CausewayError, OWN_META } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { Era, PooledProcess } from './pooled-process.ts';

/** Milliseconds for the answer. */
const PATIENCE = 2_000;
const QUESTION: Readonly<Record<Era, readonly [method: string, params: string]>> = {
  legacy: ['ping', '{}'],
  modern: ['server/discover', `{"_meta":${OWN_META}}`],
};

/** Never rejects. */
export async function lives(process: PooledProcess, wheel: Wheel): Promise<boolean> {
  const cancel = wheel.after(PATIENCE, () => process.end(new CausewayError('server.deadline')));
  const [method, params] = QUESTION[process.era];
  const answered = await process.ask(method, params).then(
    () => true,
    () => false,
  );
  cancel();
  return answered;
}
