/** I11, I14, I15: what grows, what a refusal causes, and where secrets turn up. Pure. */
import { violation, type Violation } from './violation.ts';

/** MiB of one process: its peak over its life, and what it may hold at the end beyond its start. */
const PEAK = 512;
const GROWTH = 192;

export interface Memory {
  readonly name: string;
  /** MiB, resident. */
  readonly now: number;
  readonly peak: number;
}

/** I11: no process has grown beyond what its queues and streams may hold. A heap that was filled once is kept for a while. */
export function bounded(before: readonly Memory[], after: readonly Memory[]): readonly Violation[] {
  return after.flatMap((now) => {
    const then = before.find(({ name }) => name === now.name);
    const grown = then !== undefined && now.now - then.now > GROWTH;
    return [
      ...(now.peak > PEAK ? [violation('I11', `${now.name} held ${now.peak} MiB`, now)] : []),
      ...(grown ? [violation('I11', `${now.name} holds ${now.now - then.now} MiB more than at the start`, { then, now })] : []),
    ];
  });
}

export interface Refusals {
  /** What was asked, and the status. */
  readonly asked: readonly { readonly what: string; readonly status: number }[];
  /** Subjects of everything that was sent over NATS meanwhile, while nobody else asked for anything. */
  readonly subjects: readonly string[];
  /** Children that were started meanwhile. */
  readonly children: number;
}

/** What edges send for their clients, and workers back; and a session's record. */
const CAUSED = /^(cw\.w\.[^.]+\.(open|call|s\.)|cw\.e\.|\$KV\.cw_sessions\.[\w-]{22}$)/;

/** I14: what is refused for its form, its origin or its session causes no message and no child. */
export function quietRefusals({ asked, subjects, children }: Refusals): readonly Violation[] {
  const caused = subjects.filter((subject) => CAUSED.test(subject));
  return [
    ...asked
      .filter(({ status }) => status < 400 || status >= 500)
      .map((one) => violation('I14', `${one.what} was answered ${one.status}`, one)),
    ...(caused.length > 0 ? [violation('I14', `refused requests caused ${caused.length} messages`, caused.slice(0, 5))] : []),
    ...(children > 0 ? [violation('I14', `refused requests started ${children} children`, asked)] : []),
  ];
}

/** Something that can be read by whoever may not know a secret. */
export interface Place {
  readonly where: string;
  readonly text: string;
}

/** I15: no secret stands anywhere that it was not given to. */
export function kept(secrets: Readonly<Record<string, readonly string[]>>, places: readonly Place[]): readonly Violation[] {
  return places.flatMap(({ where, text }) =>
    Object.entries(secrets).flatMap(([what, values]) => {
      const found = values.find((value) => text.includes(value));
      if (found === undefined) return [];
      const at = text.indexOf(found);
      return violation('I15', `${what} stands in ${where}`, text.slice(Math.max(0, at - 80), at + 20));
    }),
  );
}
