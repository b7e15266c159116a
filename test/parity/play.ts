/**
 * Owns the comparison: one speaker plays a script, and what it heard is compared with what direct stdio said. Between
 * the eras what only one of them has is left out of it.
 */
import assert from 'node:assert/strict';
import { within } from '../harness/within.ts';
import type { Ask, Said, Speaker } from './speakers.ts';

/** What is played: a script, in a world that `reset` brings back to what it was. */
export interface Playable {
  readonly name: string;
  readonly script: readonly Ask[];
  reset(): Promise<void>;
  /** Makes equal what differs by nature. */
  settle(text: string): string;
}

export interface Heard {
  readonly modern: boolean;
  readonly server: unknown;
  readonly said: readonly Said[];
}

/** Methods that 2026-07-28 has no more. */
const REMOVED = new Set(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);

/** Milliseconds that one step may take. */
const STEP = 20_000;

/** A step that waits for what a server does by itself is asked until that is done; in 2026-07-28 none does. */
async function asked(speaker: Speaker, step: Ask): Promise<Said> {
  const end = performance.now() + STEP;
  for (;;) {
    const said = await speaker.ask(step);
    if (speaker.modern || step.until?.(said) !== false || performance.now() > end) return said;
  }
}

/** Plays the whole script, in order. */
export async function hear(play: Playable, open: () => Promise<Speaker>): Promise<Heard> {
  await play.reset();
  await using speaker = await within(20_000, `a connection to ${play.name}`, open());
  const { modern, server } = speaker;
  const said: Said[] = [];
  for (const step of play.script) {
    const has = !modern || !REMOVED.has(step.method);
    said.push(has ? await within(STEP, `${step.method} ${JSON.stringify(step.params)}`, asked(speaker, step)) : {});
  }
  return { modern, server, said: JSON.parse(play.settle(JSON.stringify(said))) as Said[] };
}

/** Fails at the first difference, naming the step. */
export function assertSame(play: Playable, heard: Heard, direct: Heard): void {
  const mixed = heard.modern || direct.modern;
  assert.deepEqual(
    mixed ? common(heard.server) : heard.server,
    mixed ? common(direct.server) : direct.server,
    'what the server says of itself',
  );
  for (const [at, step] of play.script.entries()) {
    const [one, other] = [heard.said[at]!, direct.said[at]!];
    if (mixed && (REMOVED.has(step.method) || step.eras === 'differ')) continue;
    assert.deepEqual(
      mixed ? common(one) : one,
      mixed ? common(other) : other,
      `${step.method} ${JSON.stringify(step.params ?? {}).slice(0, 200)}`,
    );
  }
}

/** Members that only one era has, at any depth where they can be, and -32002 as the other era says it. */
function common(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (['resultType', 'ttlMs', 'cacheScope', 'io.modelcontextprotocol/serverInfo', 'tasks', 'execution'].includes(key)) return undefined;
    if (key === '_meta' && Object.keys(member as object).every((name) => name === 'io.modelcontextprotocol/serverInfo')) return undefined;
    return key === 'code' && member === -32002 ? -32602 : member;
  });
  return JSON.parse(text) as unknown;
}
