/**
 * Owns what a person is told who asks whether a NATS would do: the words. The looking is `nats/examine.ts`.
 * Invariant: the NATS client is loaded only when it is asked for.
 */
import type { NatsClusterOptions } from './cluster.ts';

export interface Finding {
  readonly name: string;
  /** `warn`: worth a look, and it runs. */
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found; when it is not well, what to change. */
  readonly text: string;
}

export interface NatsExamination {
  /** A server answered and let us in. */
  readonly reachable: boolean;
  readonly findings: readonly Finding[];
}

/** Looks at a NATS with the credentials of a bridge. Changes nothing there. */
export async function examineNats(options: Omit<NatsClusterOptions, 'inbox'>): Promise<NatsExamination> {
  const { examine } = await import('./nats/examine.ts');
  return examine(options);
}
