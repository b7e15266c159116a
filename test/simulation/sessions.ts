/**
 * Random schedules over the code of workers and edges in virtual time: workers that are killed, cut off, stopped past
 * their lease and told to leave, edges that die and stand still, a bus that is lost for all, servers of it that are split
 * while all stay connected, records that are emptied.
 * What is asserted at every moment is judge.ts's; in the end, when everything has healed, every session that was not
 * ended is served by the one owner that its record names, and when all are ended nothing of them is left.
 *
 * Runs as a thread of its own, as `@causeway/cluster/simulation` says.
 */
import { runHere } from '@causeway/cluster/simulation';
import { disturb } from './faults.ts';
import { assertNothingLeft, assertServed } from './finale.ts';
import { Stage } from './stage.ts';

const STEPS = 12;
const STEP = 3_000;

async function play(seed: number): Promise<void> {
  const stage = new Stage(seed);
  const { time } = stage.world;
  await stage.begin();
  for (let step = 0; step < STEPS; step += 1) {
    for (let nth = Math.floor(time.random() * 6); nth > 0; nth -= 1) time.after(time.between(0, STEP), () => stage.use());
    // A split is long: what it does by itself is not to be hidden by all the rest.
    if (time.random() < (stage.world.split.on ? 0.15 : 0.6)) time.after(time.between(0, STEP), () => disturb(stage));
    await stage.run(STEP);
  }
  await stage.heal();
  await assertServed(stage);
  await assertNothingLeft(stage);
}

await runHere(play);
