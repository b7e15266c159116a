/** When another generation of the session records begins, and when not: over a store that is set back, lost, slow and contested. */
import { CausewayError, type SessionToken } from '@causeway/protocol';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Generations, SETTLED, type FoundMark, type MarkStore } from '../src/generations.ts';
import { isOver } from '../src/sessions.ts';

/** One store for all, as a stream keeps it. */
class Store implements MarkStore {
  mark: FoundMark | undefined;
  last = 0;

  async read(): Promise<FoundMark | undefined> {
    return this.mark;
  }

  async write(text: string, revision: number): Promise<number | undefined> {
    if ((this.mark?.revision ?? 0) !== revision) return undefined;
    this.mark = { text, revision: (this.last += 1) };
    return this.last;
  }
}

function setting() {
  const store = new Store();
  const clock = { now: 0, floor: 0, ids: 0 };
  const join = (own: MarkStore = store): Generations =>
    new Generations({ store: own, floor: () => clock.floor, now: () => clock.now, newId: () => `g${(clock.ids += 1)}` });
  return { store, clock, join };
}

describe('generations of the session records', () => {
  it('the first look begins one, and everybody sees the same for as long as the mark is counted on', async () => {
    const { join } = setting();
    const [a, b] = [join(), join()];
    const [first, second] = await Promise.all([a.look(), b.look()]);
    assert.deepEqual([first.id, first.ours, second.ours], [second.id, true, false]);
    for (let nth = 0; nth < 5; nth += 1) assert.equal((await [a, b][nth % 2]!.count()).id, first.id);
    assert.ok((await b.look()).count > first.count);
    assert.equal(await b.unsettled(), true, 'it was seen for the first time a moment ago');
  });

  it('many who ask whether it is settled share one read of the mark', async () => {
    const { store, join } = setting();
    await join().look();
    let reads = 0;
    const counted: MarkStore = { read: () => ((reads += 1), store.read()), write: (text, revision) => store.write(text, revision) };
    const one = join(counted);
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 1_000 }, () => one.unsettled()))), new Set([true]));
    assert.equal(reads, 1);
    await one.unsettled();
    assert.equal(reads, 2, 'what was read before is not relied on');
  });

  it('a copy that is put back begins another, as a whole and key by key, at whoever looks first', async () => {
    for (const how of ['whole', 'keys']) {
      const { store, clock, join } = setting();
      const [a, b] = [join(), join()];
      const { id } = await a.look();
      const copy = { mark: store.mark!, last: store.last };
      for (let nth = 0; nth < 3; nth += 1) await a.count();
      await b.look();
      clock.now = SETTLED;
      assert.equal(await b.unsettled(), false);
      if (how === 'whole') Object.assign(store, copy);
      else store.mark = { ...copy.mark, revision: (store.last += 1) };
      assert.equal(await b.unsettled(), true);
      const found = await b.look();
      assert.ok(found.id !== id && found.ours && found.since === SETTLED, how);
      assert.deepEqual([(await a.look()).id, (await a.look()).ours], [found.id, false]);
    }
  });

  it('the same mark written once more is no longer the same', async () => {
    const { store, join } = setting();
    const a = join();
    const { id } = await a.look();
    store.mark = { ...store.mark!, revision: (store.last += 1) };
    assert.notEqual((await a.look()).id, id);
  });

  it('an emptied store begins another', async () => {
    const { store, join } = setting();
    const a = join();
    const { id } = await a.look();
    store.mark = undefined;
    const { ours, ...next } = await a.look();
    assert.ok(ours && next.id !== id);
  });

  it('whoever starts after a store was set back knows it by what others have seen', async () => {
    const { store, clock, join } = setting();
    const a = join();
    const { id } = await a.look();
    const copy = store.mark;
    for (let nth = 0; nth < 3; nth += 1) clock.floor = (await a.count()).count;
    store.mark = copy;
    assert.notEqual((await join().look()).id, id);
  });

  it('a store that has lost what was written since the last count shows by its positions', async () => {
    const { store, join } = setting();
    const a = join();
    const { id } = await a.look();
    a.wrote((store.last += 1));
    a.wrote((store.last += 1));
    store.last -= 2;
    assert.notEqual((await a.count()).id, id);
  });

  it('a stale answer begins none', async () => {
    const { store, join } = setting();
    const stale: FoundMark[] = [];
    const a = join({ read: async () => stale.pop() ?? store.read(), write: (text, revision) => store.write(text, revision) });
    const { id } = await a.look();
    const before = store.mark!;
    for (let nth = 0; nth < 3; nth += 1) await a.count();
    stale.push(before, before);
    assert.equal((await a.look()).id, id);
  });

  it('of several who notice at once, one begins it', async () => {
    const { store, join } = setting();
    const all = [join(), join(), join()];
    await all[0]!.look();
    const copy = store.mark;
    for (const one of all) await one.count();
    await all[0]!.count();
    for (const one of all) await one.look();
    store.mark = copy;
    const seen = await Promise.all(all.map((one) => one.look()));
    for (const one of all) assert.equal((await one.look()).id, JSON.parse(store.mark!.text).id);
    assert.equal(seen.filter(({ ours }) => ours).length, 1);
  });

  it('a count that was given up and arrives late, after a look that has not seen it, begins none', async () => {
    const { store, clock, join } = setting();
    const late = { write: false, arrive: (): unknown => undefined };
    const a = join({
      read: async () => {
        const found = store.mark;
        await late.arrive();
        return found;
      },
      async write(text, revision) {
        if (!late.write) return (await store.write(text, revision)) ?? (store.mark?.text === text ? store.mark.revision : undefined);
        late.write = false;
        late.arrive = async () => {
          await store.write(text, revision);
          a.wrote((store.last += 1));
        };
        throw new CausewayError('cluster.unavailable');
      },
    });
    const { id } = await a.look();
    await a.count();
    late.write = true;
    await assert.rejects(a.count());
    clock.now = SETTLED;
    assert.equal((await a.count()).id, id);
  });

  it('what is missing is over once the workers are all known and the generation has settled, whichever is the later, and both are waited for at once', async () => {
    const { clock, join } = setting();
    const [worker, edge] = [join(), join()];
    await worker.count();
    const ledger = { whole: false };
    const sessions = { wasRemoved: () => Promise.resolve(false), unsettled: () => edge.unsettled() };
    const over = () => isOver({ ledger, sessions }, 'token' as SessionToken, ledger.whole);
    assert.equal(await over(), false);
    clock.now += SETTLED + 1;
    assert.equal(await over(), false);
    ledger.whole = true;
    assert.equal(await over(), true);
  });
});
