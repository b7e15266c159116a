/** Owns what is done to a simulated cluster, one thing at a time, by chance. What it breaks it mends after a while. */
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
  if (kind < 0.72 && workers.length > 0) disturbWorker(stage, kind, time.pick(workers));
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
    stage.say('stop', member.id);
    member.stop();
    time.after(time.between(100, 40_000), () => member.go());
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
  } else if (kind < 0.97) {
    stage.say('a child ends by itself');
    time.pick([undefined, ...judge.children])?.end();
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

function wipe(stage: Stage): void {
  const { world, judge } = stage;
  // Open: a worker that was given up and has not heard of it, when the log is emptied, goes on as if it had not been.
  const heard = stage.workers.every(({ member }) => member.control.live && !member.control.dropped && !member.stopped);
  const kind = world.time.pick(heard ? (['log', 'records', 'made anew'] as const) : (['records', 'made anew'] as const));
  stage.say('wipe', kind);
  if (kind === 'log') return world.log.wipe();
  judge.wipe();
  world.records.wipe(kind === 'made anew');
}
