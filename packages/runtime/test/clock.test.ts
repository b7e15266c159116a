import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { createWheel, fakeTime, systemClock, type Wheel } from '../src/index.ts';

const fired = (wheel: Wheel, ms: number): Promise<number> => {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('never fired')), ms + 5_000);
    wheel.after(ms, () => {
      clearTimeout(late);
      resolve(performance.now() - start);
    });
  });
};

test('a deadline is never early, near and distant alike', async () => {
  using wheel = createWheel();
  const waits = [0, 1, 9, 10, 11, 95, 400, 1_300, 1_700];
  const taken = await Promise.all(waits.map((ms) => fired(wheel, ms)));
  waits.forEach((ms, index) => assert(taken[index]! >= ms, `${ms} ms fired after ${taken[index]}`));
  assert.equal(wheel.size, 0);
});

test('a cancelled deadline does not fire, and a second cancel is nothing', async () => {
  using wheel = createWheel();
  let hits = 0;
  const cancels = [5, 20, 2_000, 60_000].map((ms) => wheel.after(ms, () => (hits += 1)));
  assert.equal(wheel.size, 4);
  for (const cancel of [...cancels, ...cancels]) cancel();
  assert.equal(wheel.size, 0);
  await fired(wheel, 60);
  assert.equal(hits, 0);
});

test('a deadline may be cancelled and added by another of the same tick', async () => {
  using wheel = createWheel({ tick: 20 });
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    const cancels: (() => void)[] = [];
    wheel.after(5, () => {
      order.push('first');
      cancels[0]!();
      wheel.after(0, () => {
        order.push('added');
        resolve();
      });
    });
    cancels.push(wheel.after(5, () => order.push('cancelled')));
  });
  const hold = setTimeout(() => undefined, 5_000);
  await done;
  clearTimeout(hold);
  assert.deepEqual(order, ['first', 'added']);
});

test('a wheel that stood still takes up from the present', async () => {
  using wheel = createWheel();
  await fired(wheel, 5);
  await new Promise((resolve) => setTimeout(resolve, 120));
  const taken = await fired(wheel, 30);
  assert(taken >= 30 && taken < 1_000, `${taken}`);
});

/** Time under a real wheel: `pass` moves the clock and fires the wheel's one timer whenever it falls due. */
function handMade(): { wheel: Wheel; now: () => number; pass: (ms: number) => void; timers: () => number } {
  let elapsed = 0;
  const set = new Set<{ at: number; fn: () => void }>();
  const wheel = createWheel({
    clock: { now: () => elapsed, monotonic: () => elapsed },
    timer: (fn, ms) => {
      const entry = { at: elapsed + ms, fn };
      set.add(entry);
      return () => void set.delete(entry);
    },
  });
  const pass = (ms: number): void => {
    const until = elapsed + ms;
    for (let due = [...set].find((one) => one.at <= until); due !== undefined; due = [...set].find((one) => one.at <= until)) {
      set.delete(due);
      elapsed = Math.max(elapsed, due.at);
      due.fn();
    }
    elapsed = until;
  };
  return { wheel, now: () => elapsed, pass, timers: () => set.size };
}

test('against a model: every deadline fires exactly once, within two ticks after its time, whatever is cancelled', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 400_000 })),
    }),
    fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(50) }),
    fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 90_000 })),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { wheel, now, pass, timers } = handMade();
      const entries: { due: number; hits: number; cancelled: boolean; cancel: () => void }[] = [];
      for (const one of steps) {
        if (one.kind === 'add') {
          const entry = { due: now() + one.ms, hits: 0, cancelled: false, cancel: (): void => undefined };
          entry.cancel = wheel.after(one.ms, () => {
            assert(now() >= entry.due && now() <= entry.due + 20, `due ${entry.due}, fired at ${now()}`);
            assert(!entry.cancelled, 'fired after its cancel');
            entry.hits += 1;
          });
          entries.push(entry);
        } else if (one.kind === 'cancel') {
          const entry = entries[one.which % Math.max(entries.length, 1)];
          entry?.cancel();
          if (entry?.hits === 0) entry.cancelled = true;
        } else pass(one.ms);
        assert(timers() <= 1, 'more than one timer');
        assert.equal(wheel.size, entries.filter((entry) => entry.hits === 0 && !entry.cancelled).length);
      }
      pass(500_000);
      for (const entry of entries) assert.equal(entry.hits, entry.cancelled ? 0 : 1);
      assert.equal(wheel.size + timers(), 0);
    }),
    { numRuns: 400 },
  );
});

/** How often a wheel in virtual time wakes within `ms` milliseconds. */
function wakesOf(ms: number, plan: (wheel: Wheel, now: () => number) => void): number {
  let wakes = 0;
  let now = 0;
  let timer: { readonly fn: () => void; readonly at: number } | undefined;
  const clock = { now: () => now, monotonic: () => now };
  const set = (fn: () => void, after: number) => {
    timer = { fn, at: now + after };
    return () => (timer = undefined);
  };
  using wheel = createWheel({ clock, timer: set });
  plan(wheel, clock.now);
  for (let due = timer; due !== undefined && due.at <= ms; due = timer) {
    timer = undefined;
    now = due.at;
    wakes += 1;
    due.fn();
  }
  return wakes;
}

test('distant deadlines wake the process about once a second', () => {
  const wakes = wakesOf(59_000, (wheel) => {
    for (let nth = 0; nth < 1_000; nth += 1) wheel.after(60_000 + nth * 100, () => undefined);
  });
  assert(wakes > 30 && wakes < 60, `${wakes}`);
});

test('what falls due every half second wakes the process for that, and once a second besides', () => {
  let fired = 0;
  const again = (wheel: Wheel): void =>
    void wheel.after(500, () => {
      fired += 1;
      again(wheel);
    });
  const wakes = wakesOf(60_000, again);
  assert(fired > 110 && fired <= 120, `${fired} fired`);
  assert(wakes < 180, `${wakes}`);
});

test('a near deadline that is added while a later one is waited for fires in its time', () => {
  const fired: number[] = [];
  wakesOf(2_000, (wheel, now) => {
    for (const ms of [900, 30, 400]) wheel.after(ms, () => void fired.push(now()));
  });
  const [first, second, third] = fired as [number, number, number];
  assert(first >= 30 && first <= 50 && second >= 400 && second <= 420 && third >= 900 && third <= 920, fired.join());
});

test('what a deadline throws is an uncaught exception and delays no other', () => {
  const script = `import { createWheel } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
    const wheel = createWheel();
    const hold = setTimeout(() => {}, 5000);
    process.once('uncaughtException', (error) => console.log(error.message));
    wheel.after(5, () => { throw new Error('on purpose'); });
    wheel.after(5, () => { console.log('the other'); clearTimeout(hold); });`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 10_000 });
  assert.deepEqual([run.status, run.stdout.split('\n').toSorted().join()], [0, ',on purpose,the other'], run.stderr);
});

test('50 000 deadlines are added and cancelled in constant time each', () => {
  using wheel = createWheel();
  const start = systemClock.monotonic();
  for (let i = 0; i < 50_000; i += 1) wheel.after(300_000 + (i % 1_000), () => undefined)();
  const cancels = Array.from({ length: 50_000 }, (_, i) => wheel.after(i % 600_000, () => undefined));
  for (const cancel of cancels) cancel();
  assert.equal(wheel.size, 0);
  assert(systemClock.monotonic() - start < 5_000);
});

test('fake time fires in order of the deadlines, including those added on the way', () => {
  const { clock, wheel, advance } = fakeTime(1_000);
  const seen: string[] = [];
  wheel.after(20, () => seen.push(`b${clock.monotonic()}`));
  wheel.after(10, () => {
    seen.push(`a${clock.monotonic()}`);
    wheel.after(5, () => seen.push(`c${clock.now()}`));
  });
  const cancel = wheel.after(12, () => seen.push('never'));
  cancel();
  advance(9);
  assert.deepEqual(seen, []);
  advance(100);
  assert.deepEqual(seen, ['a10', 'c1015', 'b20']);
  assert.equal(clock.now(), 1_109);
});
