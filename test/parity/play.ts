/**
 * Owns the comparison: one speaker plays a script, and what it heard is compared with what direct stdio said.
 */
import assert from 'node:assert/strict';
import { within } from '../harness/within.ts';
import type { Play } from './scripts.ts';
import type { Said, Speaker } from './speakers.ts';

export interface Heard {
  readonly server: unknown;
  readonly said: readonly Said[];
}

/** Plays the whole script, in order; each step has 20 s. */
export async function hear(play: Play, open: () => Promise<Speaker>): Promise<Heard> {
  await play.reset();
  await using speaker = await within(20_000, `a connection to ${play.name}`, open());
  const said: Said[] = [];
  for (const step of play.script) said.push(await within(20_000, `${step.method} ${JSON.stringify(step.params)}`, speaker.ask(step)));
  const settled = JSON.parse(play.settle(JSON.stringify(said))) as Said[];
  return { server: speaker.server, said: settled };
}

/** Fails at the first difference, naming the step. */
export function assertSame(play: Play, heard: Heard, direct: Heard): void {
  assert.deepEqual(heard.server, direct.server, 'what the server says of itself');
  for (const [at, step] of play.script.entries()) {
    assert.deepEqual(heard.said[at], direct.said[at], `${step.method} ${JSON.stringify(step.params ?? {}).slice(0, 200)}`);
  }
}
