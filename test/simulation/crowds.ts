/**
 * Owns faults at whose very edges everybody comes: what goes wrong in a few hundred milliseconds, between a worker that is
 * back and the one that has its sessions by then, is met by nobody else.
 */
import type { SimulatedEdge } from './edge.ts';
import type { Known } from './judge.ts';
import type { Stage } from './stage.ts';
import type { SimulatedWorker } from './worker.ts';

/** Milliseconds of absence after which others take over at once, and after which a right is over by itself. */
const MISSED = { low: 5_500, high: 9_000 };
const FENCED = { low: 14_000, high: 18_500 };

/**
 * Milliseconds of a split. Without a word: less than servers take to notice it, and about when records are over that nobody
 * has seen renewed. By a reset: from what nobody minds to beyond the right of an owner that was taken for one that has left.
 */
const SPLIT = {
  silent: [
    { low: 100, high: 12_000 },
    { low: 17_000, high: 25_000 },
  ],
  reset: [
    { low: 100, high: 6_000 },
    { low: 6_000, high: 20_000 },
  ],
} as const;

export function crowd(stage: Stage, worker: SimulatedWorker): void {
  stage.world.time.pick([awayAndBack, wipedWhileAway, stoppedToItsFence, stoppedToItsFence, leaselessBeforeFlappingEdges])(stage, worker);
}

/** Its connections are lost for so long that its sessions go on elsewhere; one edge knows, the other asks it when it is back. */
function awayAndBack(stage: Stage, { member }: SimulatedWorker): number {
  const { time } = stage.world;
  const ms = time.between(MISSED.low, MISSED.high);
  stage.say('away and back', member.id);
  member.data.reset(ms);
  member.control.reset(ms);
  const [one, other] = stage.edges;
  if (one === undefined || other === undefined) return ms;
  for (const session of stage.sessions) {
    time.after(time.between(100, ms), () => void stage.clients.call(one, session));
    // Some of it arrives, and some is lost.
    for (let nth = 0; nth < 3; nth += 1) time.after(time.between(0, 50), () => stage.clients.batch(other, session));
    for (let nth = 0; nth < 3; nth += 1) time.after(ms + time.between(0, 700), () => stage.clients.batch(other, session));
  }
  return ms;
}

/** The same, and before it is back the log is emptied that would tell it what has become of its lease. */
function wipedWhileAway(stage: Stage, worker: SimulatedWorker): void {
  const ms = awayAndBack(stage, worker);
  stage.world.time.after(ms - 100, () => stage.world.log.wipe());
}

/** It stands still until about when it is given up; meanwhile the stores answer badly, so that whoever takes over takes long. */
function stoppedToItsFence(stage: Stage, { member }: SimulatedWorker): void {
  const { world } = stage;
  const { time } = world;
  const ms = time.between(FENCED.low, FENCED.high);
  stage.say('stopped to its fence', member.id);
  member.stop();
  time.after(ms, () => member.go());
  time.after(ms - 500, () => (world.loss = 0.3));
  time.after(ms + 2_500, () => (world.loss = 0));
  for (let nth = 0; nth < 20; nth += 1) time.after(ms + time.between(-3_000, 1_500), () => stage.use());
}

/** What it is asked waits for its lease, and the edges that have asked lose their connections again and again. */
function leaselessBeforeFlappingEdges(stage: Stage, { member }: SimulatedWorker): void {
  const { time } = stage.world;
  stage.say('without a lease before flapping edges', member.id);
  member.control.sever();
  time.after(time.between(22_000, 28_000), () => member.control.mend());
  for (const session of stage.sessions) time.after(time.between(14_000, 16_000), () => void stage.clients.call(stage.edge(), session));
  for (const edge of stage.edges)
    for (let nth = 0; nth < 8; nth += 1)
      time.after(16_000 + 700 * nth, () => edge.running && edge.member.data.reset(time.between(20, 200)));
}

/** Milliseconds in which, elsewhere, sessions are opened meanwhile, and in which they are then asked for. */
const OPENED = 9_000;
const ASKED = 8_000;

/** One server of the bus and the stores is split from the others, an edge and a worker with it, which go on as soon as they can. */
export function split(stage: Stage, edge: SimulatedEdge, worker: SimulatedWorker): void {
  const { clients, edges, sessions, world } = stage;
  const { time } = world;
  const cut = time.pick(['silent', 'reset'] as const);
  const { low, high } = time.pick<{ readonly low: number; readonly high: number }>(SPLIT[cut]);
  const ms = time.between(low, high);
  stage.say(`split, ${cut}`, ms);
  world.part(ms, [edge.member, worker.member], cut);
  const ask = (session: Known): void => void clients.call(edge, session);
  for (const session of sessions) for (let nth = 0; nth < 6; nth += 1) time.after(ms + time.between(-1_500, 3_000), () => ask(session));
  const elsewhere = edges.find((one) => one !== edge);
  if (cut === 'reset' && elsewhere) {
    // At once nobody is found at the owner from there, while here it is served.
    for (const session of sessions) {
      time.after(time.between(0, 2_000), () => void clients.call(elsewhere, session));
      for (let nth = 0; nth < 3; nth += 1) time.after(time.between(0, Math.min(ms, FENCED.low)), () => ask(session));
    }
  }
  const open = async (): Promise<void> => {
    const opened = elsewhere && (await clients.open(elsewhere, 'again', '2025-06-18'));
    if (opened) for (let nth = 0; nth < 4; nth += 1) time.after(time.between(0, ASKED), () => ask(opened));
  };
  for (let nth = 0; nth < 2; nth += 1) time.after(time.between(0, OPENED), () => void open());
}
