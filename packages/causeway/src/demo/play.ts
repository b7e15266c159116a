/**
 * Owns the calls of a demo: one session, a few callers side by side, each call asked until it is answered, and events on
 * the way. Invariant: it ends; a call without an answer is lost after its deadline, and counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, McpClient } from '../mcp/client.ts';

/** Milliseconds in which a call must have been answered, however often it was asked; and between two attempts. */
const PATIENCE = 60_000;
const PAUSE = 200;

export interface Score {
  readonly wanted: number;
  /** Milliseconds until each call was answered, repetitions included. */
  readonly latencies: number[];
  /** Answered calls by who served them, where a balancer says who. */
  readonly served: Map<string, number>;
  /** Attempts that brought no answer, by kind. */
  readonly again: { cut: number; refused: number; unknown: number };
  /** Calls that were never answered, or wrongly: what was said. */
  readonly lost: string[];
}

export interface Play {
  readonly calls: number;
  readonly together: number;
  /** Milliseconds between two calls of one caller. */
  readonly gap: number;
  /** Asks the server something, and tells whether the answer is the right one. */
  readonly question: (client: McpClient, call: number) => Promise<Attempt & { readonly right: boolean }>;
  readonly events: readonly Event[];
}

/** What happens when so many calls have been begun. */
export interface Event {
  readonly at: number;
  readonly happen: () => Promise<void>;
}

/** Rejects with what an event rejects with; calls end first. */
export async function play(client: McpClient, { calls, together, gap, question, events }: Play): Promise<Score> {
  const score: Score = { wanted: calls, latencies: [], served: new Map(), again: { cut: 0, refused: 0, unknown: 0 }, lost: [] };
  const happening: Promise<void>[] = [];
  const failures: unknown[] = [];
  let begun = 0;
  const caller = async (): Promise<void> => {
    while (begun < calls) {
      const call = (begun += 1);
      for (const { at, happen } of events) if (at === call) happening.push(happen().catch((error: unknown) => void failures.push(error)));
      await answer(client, call, question, score);
      await sleep(gap);
    }
  };
  await Promise.all(Array.from({ length: together }, caller));
  await Promise.all(happening);
  if (failures.length > 0) throw failures[0];
  return score;
}

async function answer(client: McpClient, call: number, question: Play['question'], score: Score): Promise<void> {
  const begin = performance.now();
  for (;;) {
    const attempt = await question(client, call);
    const ms = performance.now() - begin;
    if (attempt.kind === 'answered' && attempt.right) {
      score.latencies.push(ms);
      const { by } = attempt;
      if (by !== undefined) score.served.set(by, (score.served.get(by) ?? 0) + 1);
      return;
    }
    if (attempt.kind === 'answered') return void score.lost.push(`call ${call}: the answer is not its own`);
    if (attempt.kind === 'failed' || ms > PATIENCE) return void score.lost.push(`call ${call}: ${attempt.text}`);
    score.again[attempt.kind] += 1;
    await sleep(PAUSE);
  }
}

/** The smallest value that so many of a hundred do not exceed; 0 of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0;
}
