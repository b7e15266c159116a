import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { fakeTime, runProcess, silentLog, type ProcessDoor, type ProcessOptions, type Running } from '../src/index.ts';

class Door extends EventEmitter<Record<string, unknown[]>> implements ProcessDoor {
  readonly codes: number[] = [];
  exit(code: number): void {
    this.codes.push(code);
    this.emit('exited');
  }
}

interface Script {
  readonly door: Door;
  readonly steps: string[];
  readonly result: Promise<number>;
  readonly up: Promise<void>;
}

function launch(change: Partial<ProcessOptions> = {}, running: Partial<Running> = {}): Script {
  const door = new Door();
  const steps: string[] = [];
  const up = Promise.withResolvers<void>();
  const result = runProcess({
    log: silentLog(),
    drain: { timeout: 1_000, delay: 0 },
    failed: () => 5,
    door,
    start: async () => {
      queueMicrotask(up.resolve);
      return {
        unready: () => void steps.push('unready'),
        drain: async () => void steps.push('drain'),
        [Symbol.asyncDispose]: async () => void steps.push('dispose'),
        ...running,
      };
    },
    ...change,
  });
  return { door, steps, result, up: up.promise };
}

const settled = (): Promise<void> => new Promise(setImmediate);

test('the first signal turns unready, drains, releases and exits 0, and leaves no listener', async () => {
  const { door, steps, result, up } = launch();
  await up;
  await settled();
  door.emit('SIGTERM');
  assert.equal(await result, 0);
  assert.deepEqual(steps, ['unready', 'drain', 'dispose']);
  assert.deepEqual(door.codes, [0]);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect', 'uncaughtException', 'unhandledRejection'])
    assert.equal(door.listenerCount(name), 0, name);
});

test('a second signal exits 1 at once, but one press delivered twice is one signal', async () => {
  const held = Promise.withResolvers<void>();
  const { door, result, up } = launch({}, { drain: () => held.promise });
  await up;
  await settled();
  door.emit('SIGINT');
  door.emit('SIGINT');
  await settled();
  assert.deepEqual(door.codes, []);
  const exited = once(door, 'exited');
  door.emit('SIGTERM');
  await exited;
  assert.deepEqual(door.codes, [1]);
  held.resolve();
  await result;
});

test('the end of the parent is a signal, and no second one', async () => {
  const held = Promise.withResolvers<void>();
  const { door, steps, result, up } = launch({}, { drain: () => held.promise });
  await up;
  await settled();
  door.emit('parentGone');
  await settled();
  assert.deepEqual(steps, ['unready']);
  door.emit('parentGone');
  await settled();
  assert.deepEqual(door.codes, []);
  held.resolve();
  assert.equal(await result, 0);
  assert.equal(door.listenerCount('parentGone'), 0);
});

test('where SIGHUP asks for reading again it stops nothing: told at once, after a start, and not to what is being stopped', async () => {
  const begin = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const steps: string[] = [];
  const { door, result } = launch({
    rereads: true,
    start: async () => {
      await begin.promise;
      return {
        reread: () => void steps.push('reread'),
        drain: () => held.promise,
        [Symbol.asyncDispose]: async () => void steps.push('dispose'),
      };
    },
  });
  door.emit('SIGHUP');
  door.emit('SIGHUP');
  await settled();
  assert.deepEqual(steps, [], 'there is nothing yet that reads');
  begin.resolve();
  await settled();
  assert.deepEqual(steps, ['reread']);
  door.emit('SIGHUP');
  assert.deepEqual(steps, ['reread', 'reread']);
  door.emit('SIGTERM');
  await settled();
  door.emit('SIGHUP');
  held.resolve();
  assert.equal(await result, 0);
  assert.deepEqual(steps, ['reread', 'reread', 'dispose']);
  assert.deepEqual([door.codes, door.listenerCount('SIGHUP')], [[0], 0]);
});

test('the same signal later is a second one', async () => {
  const held = Promise.withResolvers<void>();
  const { clock, advance } = fakeTime();
  const { door, result, up } = launch({ clock }, { drain: () => held.promise });
  await up;
  await settled();
  door.emit('SIGINT');
  advance(300);
  door.emit('SIGINT');
  assert.deepEqual(door.codes, [1]);
  held.resolve();
  await result;
});

test('a signal before ready abandons the start, releases what it still brings, and exits 130 or 143', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const steps: string[] = [];
    const door = new Door();
    const result = runProcess({
      log: silentLog(),
      drain: { timeout: 1_000, delay: 0 },
      failed: () => 5,
      door,
      start: async (abandon) => {
        await once(abandon, 'abort');
        return { drain: async () => void steps.push('drain'), [Symbol.asyncDispose]: async () => void steps.push('dispose') };
      },
    });
    door.emit(signal);
    assert.equal(await result, code);
    assert.deepEqual(steps, ['dispose']);
  }
});

test('a failed start exits with the code that it is given', async () => {
  const { result, door } = launch({
    start: () => Promise.reject(new Error('no')),
    failed: (error) => ((error as Error).message === 'no' ? 127 : 1),
  });
  assert.equal(await result, 127);
  assert.deepEqual(door.codes, [127]);
});

test('a drain that does not end is cut short, and the release still happens', async () => {
  const { door, steps, result, up } = launch({ drain: { timeout: 1, delay: 1 } }, { drain: () => new Promise(() => undefined) });
  await up;
  await settled();
  door.emit('SIGHUP');
  assert.equal(await result, 0);
  assert.deepEqual(steps, ['unready', 'dispose']);
});

test('a release that fails exits 1; an end of its own gives its own code', async () => {
  const broken = launch({}, { [Symbol.asyncDispose]: () => Promise.reject(new Error('stuck')) });
  await broken.up;
  await settled();
  broken.door.emit('SIGTERM');
  assert.equal(await broken.result, 1);
  const own = launch({}, { ended: Promise.resolve(4) });
  assert.equal(await own.result, 4);
  assert.deepEqual(own.steps, ['dispose']);
});

test('an uncaught error exits 70', async () => {
  const crashed = launch();
  await crashed.up;
  crashed.door.emit('uncaughtException', new Error('bug'));
  assert.deepEqual(crashed.door.codes, [70]);
  crashed.door.emit('SIGTERM');
  await crashed.result;
});

test("the launcher's end releases without draining, and ends a drain at once", async () => {
  const orphan = launch();
  await orphan.up;
  await settled();
  orphan.door.emit('disconnect');
  assert.equal(await orphan.result, 0);
  assert.deepEqual(orphan.steps, ['dispose']);
  const held = Promise.withResolvers<void>();
  const draining = launch({}, { drain: () => held.promise });
  await draining.up;
  await settled();
  draining.door.emit('SIGTERM');
  await settled();
  draining.door.emit('disconnect');
  assert.deepEqual(draining.door.codes, [1]);
  held.resolve();
  await draining.result;
});
