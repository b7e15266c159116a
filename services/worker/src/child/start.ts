/**
 * Owns the start of a child: from its command and the environment that it is given to a running process.
 * Whatever is wrong with the command is found before a process exists.
 */
import { CHILD_LIMITS, LADDER, type Child, type ChildCommand, type ChildDeps, type ChildListeners, type ChildOptions } from './child.ts';
import { childEnvironment } from './environment.ts';
import { resolveLaunch } from './launch.ts';
import { attachChild } from './live-child.ts';
import { scrubOf } from './secrets.ts';
import { spawnChild } from './spawn.ts';

/** Throws `server.start_failed` with `facts.class`, and the signal's reason. */
export async function startChild(
  deps: ChildDeps,
  command: ChildCommand,
  listeners: ChildListeners,
  options: ChildOptions = {},
): Promise<Child> {
  const { limits = CHILD_LIMITS, ladder = LADDER, signal } = options;
  const { env, passEnvironment } = command;
  const variables = childEnvironment({ source: process.env, pass: passEnvironment, configured: env, mark: deps.mark });
  const launch = await resolveLaunch(command, variables);
  signal?.throwIfAborted();
  const scrub = scrubOf(command, process.env);
  return attachChild({ spawned: await spawnChild(launch, variables, deps.prefix ?? []), deps, listeners, limits, ladder, scrub });
}
