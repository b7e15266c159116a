/**
 * Owns what the load asks for and how an answer must look. Pure, apart from the canaries' chance.
 */
import { canary } from '../harness/canary.ts';
import { pick, type Random } from '../harness/random.ts';
import { textOf, type Message } from '../harness/speak.ts';

export interface Plan {
  readonly tool: 'echo' | 'progress' | 'sleep' | 'ask' | 'notify';
  readonly args: Readonly<Record<string, unknown>>;
  /** Milliseconds that the tool takes. */
  readonly own: number;
  /** Number of the notification that a `notify` asks for. */
  readonly tick?: number;
  /** What is wrong with the whole of what was heard for the call, if anything. */
  readonly wrong: (result: Message, heard: readonly Message[]) => string | undefined;
}

/** Weighted: what a client does next. `tick`: the next number, where notifications can be heard. */
export function planFor(session: string, random: Random, tick: number | undefined): Plan {
  const mark = canary(session);
  const kinds = ['echo', 'echo', 'echo', 'progress', 'progress', 'sleep', 'sleep', 'ask', 'notify', 'notify'] as const;
  const kind = pick(random, kinds);
  switch (kind) {
    case 'echo':
      return { tool: kind, args: { text: mark }, own: 0, wrong: same(mark) };
    case 'sleep':
      return sleepFor(session, 20 + random(400));
    case 'ask':
      return { tool: kind, args: { kind: 'elicitation', text: mark }, own: 0, wrong: containing(mark) };
    case 'progress': {
      const n = 1 + random(6);
      const ms = random(20);
      return {
        tool: kind,
        args: { n, ms, tag: mark },
        own: n * ms,
        wrong: (result, heard) => same(`done ${n}`)(result) ?? steps(n, heard),
      };
    }
    case 'notify': {
      if (tick === undefined) return { tool: 'echo', args: { text: mark }, own: 0, wrong: same(mark) };
      const params = { level: 'info', data: `${mark} tick ${tick}` };
      return { tool: kind, args: { method: 'notifications/message', params }, own: 0, tick, wrong: same('scheduled') };
    }
  }
}

export function sleepFor(session: string, ms: number): Plan {
  const mark = canary(session);
  return { tool: 'sleep', args: { text: mark, ms }, own: ms, wrong: same(mark) };
}

const same = (wanted: string) => (result: Message) =>
  textOf(result) === wanted ? undefined : `wanted ${wanted}, got ${JSON.stringify(result).slice(0, 200)}`;

const containing = (wanted: string) => (result: Message) =>
  textOf(result)?.includes(wanted) === true ? undefined : `wanted something with ${wanted}, got ${JSON.stringify(result).slice(0, 200)}`;

function steps(n: number, heard: readonly Message[]): string | undefined {
  const seen = heard.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params?.['progress']);
  const wanted = Array.from({ length: n }, (_, at) => at + 1);
  return seen.join() === wanted.join() ? undefined : `progress ${seen.join()} of ${n}`;
}
