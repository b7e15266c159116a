import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fence } from '../src/fence.ts';
import { VirtualTime } from '../src/simulation/time.ts';

const TIMES = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };

function world() {
  const time = new VirtualTime(1);
  const state = { minority: false, over: 0 };
  const fence = new Fence({ time, times: TIMES, minority: () => state.minority, over: () => void (state.over += 1) });
  const pass = (ms: number): Promise<void> => time.run(ms, () => undefined);
  return { time, state, fence, pass };
}

describe('the fence', () => {
  it('counts from the sending of the last acknowledged write, and says once when the right is over', async () => {
    const { time, state, fence, pass } = world();
    const sent = time.now();
    await pass(1_000);
    fence.acknowledged(sent);
    assert.equal(fence.left, 13_000);
    await pass(12_999);
    assert.equal(state.over, 0);
    await pass(1);
    assert.equal(state.over, 1);
    assert.equal(fence.left, 0);
  });

  it('without a minority there is no doubt, however long the stores are silent', async () => {
    const { fence, pass } = world();
    fence.acknowledged(0);
    await pass(13_000);
    assert.ok(!fence.doubtful());
  });

  it('in a minority the right is in doubt a heartbeat and a half after the last acknowledged write, when others may depose', async () => {
    const { state, fence, pass } = world();
    fence.acknowledged(0);
    state.minority = true;
    await pass(2_999);
    assert.ok(!fence.doubtful());
    await pass(1);
    assert.ok(fence.doubtful());
  });

  it('in a minority whose writes are acknowledged there is no doubt', async () => {
    const { time, state, fence, pass } = world();
    state.minority = true;
    for (let beat = 0; beat < 10; beat += 1) {
      const sent = time.now();
      await pass(20);
      fence.acknowledged(sent);
      assert.ok(!fence.doubtful());
      await pass(1_980);
    }
  });

  it('a doubt outlives the minority: only what was sent after it was seen ends it', async () => {
    const { time, state, fence, pass } = world();
    fence.acknowledged(0);
    state.minority = true;
    await pass(1_000);
    const before = time.now();
    await pass(3_000);
    assert.ok(fence.doubtful());
    state.minority = false;
    assert.ok(fence.doubtful());
    fence.acknowledged(before);
    assert.ok(fence.doubtful());
    await pass(10);
    fence.acknowledged(time.now());
    await pass(5_000);
    assert.ok(!fence.doubtful());
  });
});
