/** Owns what is done to a simulated cluster, one thing at a time, by chance. What it breaks it mends after a while. */
import type { FoundMark } from '@causeway/cluster/simulation';
import type { WorkerRecord } from '@causeway/cluster';
import type { WorkerId } from '@causeway/protocol';
import { crowd, split } from './crowds.ts';
import type { SimulatedEdge } from './edge.ts';
import type { Stage } from './stage.ts';
import type { SimulatedWorker } from './worker.ts';

/** One thing that happens. */
export function disturb(stage: Stage): void {
  const { edges, workers } = stage;
  const { time } = stage.world;
  const kind = time.random();
  // What is asked meanwhile meets the fault.
  for (let nth = 0; nth < 3; nth += 1) time.after(time.between(0, 6_000), () => stage.use());
  if (edges.length > 0 && workers.length > 0 && !stage.world.split.on && time.random() < 0.2)
    split(stage, time.pick(edges), time.pick(workers));
  else if (kind < 0.72 && workers.length > 0 && time.random() < 0.4) crowd(stage, time.pick(workers));
  else if (kind < 0.72 && workers.length > 0) disturbWorker(stage, kind, time.pick(workers));
  else if (kind < 0.84 && edges.length > 1) disturbEdge(stage, kind, time.pick(edges));
  else disturbStores(stage, kind);
}

function disturbWorker(stage: Stage, kind: number, worker: SimulatedWorker): void {
  const { time } = stage.world;
  const { member } = worker;
  if (kind < 0.16) {
    stage.say('kill', member.id);
    worker.crash();
    stage.replace(worker);
  } else if (kind < 0.3) {
    stage.say('partition', member.id);
    member.partition();
    time.after(time.between(100, 40_000), () => member.heal());
  } else if (kind < 0.36) {
    const connection = time.pick([member.data, member.control]);
    stage.say(connection === member.data ? 'cut from the bus' : 'cut from the stores', member.id);
    connection.sever();
    time.after(time.between(100, 40_000), () => connection.mend());
  } else if (kind < 0.52) {
    stop(stage, worker);
  } else if (kind < 0.62) {
    stage.say('leave', member.id);
    worker.leave(time.between(1_000, 10_000));
    stage.replace(worker);
  } else {
    stage.say('reset', member.id);
    const ms = time.between(50, 8_000);
    member.data.reset(ms);
    if (time.random() < 0.5) member.control.reset(ms);
  }
}

/** At once, or as it has taken something that its child has not got yet. */
function stop(stage: Stage, worker: SimulatedWorker): void {
  const { time } = stage.world;
  const { member } = worker;
  const now = (): void => {
    stage.say('stop', member.id);
    member.stop();
    time.after(time.between(100, 40_000), () => member.go());
  };
  if (time.random() < 0.5) now();
  else worker.onTaken = () => void time.after(0, () => stage.calm || now());
}

function disturbEdge(stage: Stage, kind: number, edge: SimulatedEdge): void {
  const { time } = stage.world;
  const { member } = edge;
  if (kind < 0.75) {
    stage.say('kill edge', member.id);
    edge.crash();
    stage.rebuild(edge);
  } else if (kind < 0.78) {
    stage.say('stop edge', member.id);
    edge.stop();
    time.after(time.between(100, 20_000), () => edge.go());
  } else if (kind < 0.81) {
    stage.say('reset edge', member.id);
    member.data.reset(time.between(20, 4_000));
  } else {
    stage.say('partition edge', member.id);
    member.partition();
    time.after(time.between(100, 20_000), () => member.heal());
  }
}

function disturbStores(stage: Stage, kind: number): void {
  const { world, judge } = stage;
  const { time } = world;
  if (kind < 0.88) {
    loseAll(stage);
  } else if (kind < 0.92) {
    stage.say('election');
    world.elect(time.between(2_000, 9_000));
  } else if (kind < 0.95) {
    world.loss = time.between(0, 0.3);
    time.after(time.between(1_000, 10_000), () => (world.loss = 0));
  } else if (kind < 0.96) {
    stage.say('a child ends by itself');
    time.pick([undefined, ...judge.children])?.end();
  } else if (kind < 0.98) {
    setBack(stage);
  } else {
    wipe(stage);
  }
}

/** Every server of the bus is gone. */
function loseAll(stage: Stage): void {
  const ms = stage.world.time.between(500, 40_000);
  stage.say('the bus is lost', ms);
  stage.world.elect(ms);
  for (const { member } of [...stage.workers, ...stage.edges]) {
    member.control.reset(ms);
    member.data.reset(ms);
  }
}

/** Milliseconds of which the copy is older than what it replaces: two looks of every worker. */
const OLD = { low: 12_000, high: 30_000 };

/** An operator puts back what he has kept. */
function setBack(stage: Stage): void {
  const { time, records } = stage.world;
  stage.say('copy');
  const copy = records.copy();
  time.after(time.between(OLD.low, OLD.high), () => {
    // Open: what was counted on less than twice since, or what nobody who has a lease has seen, cannot be known.
    const [old, now] = [countOf(copy.mark), countOf(records.mark)];
    const leased = stage.workers.filter(({ member, running }) => running && member.leaseUntil > time.now());
    const witnessed = leased.some(({ member }) => (seenBy(stage, member.id) ?? 0) > old);
    if (stage.calm || now < old + 2 || !witnessed) return;
    const how = time.pick(['whole', 'keys'] as const);
    stage.say('set back', how);
    records.setBack(copy, how);
    stage.judge.setBack();
  });
}

/** The count of the mark that a worker's record tells. */
function seenBy({ world }: Stage, id: WorkerId): number | undefined {
  const entry = world.log.entries.find(({ key }) => key === id);
  return entry?.text === undefined ? undefined : (JSON.parse(entry.text) as WorkerRecord).mark;
}

const countOf = (mark: FoundMark | undefined): number => (mark ? (JSON.parse(mark.text) as { readonly count: number }).count : 0);

function wipe(stage: Stage): void {
  const { world, judge } = stage;
  const kind = world.time.pick(['log', 'records', 'made anew'] as const);
  stage.say('wipe', kind);
  if (kind === 'log') return world.log.wipe();
  world.records.wipe(kind === 'made anew');
  judge.setBack();
}
