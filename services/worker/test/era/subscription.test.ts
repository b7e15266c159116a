/** The one subscription of a session at a server of the stateless era: replaced without a gap, opened again within bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime } from '@causeway/runtime';
import { MOST_RESOURCES, Subscription } from '../../src/era/subscription.ts';

interface Opened {
  readonly id: number;
  readonly filter: { readonly resourceSubscriptions?: readonly string[] };
  readonly over: () => void;
}

class Stage {
  readonly time = fakeTime();
  readonly opened: Opened[] = [];
  readonly cancelled: number[] = [];
  readonly told: [string, boolean][] = [];
  gaveUp = 0;
  reads = true;
  readonly one: Subscription;

  constructor() {
    this.one = new Subscription({
      wheel: this.time.wheel,
      open: (notifications, over) => {
        if (!this.reads) return undefined;
        const id = this.opened.length + 1;
        this.opened.push({ id, filter: JSON.parse(notifications) as Opened['filter'], over });
        return id;
      },
      cancel: (id) => void this.cancelled.push(id),
      gaveUp: () => {
        this.gaveUp += 1;
      },
    });
  }

  get last(): Opened {
    return this.opened.at(-1)!;
  }

  add(uri: string): boolean {
    return this.one.add(uri, (agreed) => void this.told.push([uri, agreed]));
  }

  agree(uris: readonly string[] = this.last.filter.resourceSubscriptions ?? []): void {
    this.one.acknowledged(this.last.id, uris);
  }
}

test('what is wanted while one is being opened becomes one more, which replaces it when it is agreed to', () => {
  const stage = new Stage();
  stage.one.begin(['tools', 'prompts']);
  assert.deepEqual(stage.last.filter, { toolsListChanged: true, promptsListChanged: true });
  for (const uri of ['a', 'b', 'c']) stage.add(uri);
  stage.one.delete('c');
  assert.equal(stage.opened.length, 1);
  assert.equal(stage.one.counts(1), false, 'not before it is agreed to');
  stage.agree();
  assert.equal(stage.one.counts(1), true);
  assert.deepEqual([stage.opened.length, stage.last.filter.resourceSubscriptions], [2, ['a', 'b']]);
  assert.equal(stage.one.counts(1), true, 'until the next is agreed to');
  stage.agree(['a']);
  assert.deepEqual([stage.one.counts(1), stage.one.counts(2), stage.cancelled], [false, true, [1]]);
  assert.deepEqual(stage.told, [
    ['c', false],
    ['a', true],
    ['b', false],
  ]);
  stage.add('a');
  assert.deepEqual([stage.told.pop(), stage.opened.length], [['a', true], 2], 'it is had already');
});

test('what is taken back and wanted again before the server has heard the first is asked for again', () => {
  const stage = new Stage();
  stage.one.begin(['tools']);
  stage.agree();
  stage.add('a');
  stage.agree();
  stage.one.delete('a');
  stage.told.length = 0;
  stage.add('a');
  assert.deepEqual(stage.told, [], 'the one that is being opened goes without it');
  stage.agree();
  assert.deepEqual([stage.last.filter.resourceSubscriptions, stage.told], [['a'], []]);
  stage.agree();
  assert.deepEqual(stage.told, [['a', true]]);
});

test('what the one before has, and the next does not come to be, is had', () => {
  const stage = new Stage();
  stage.one.begin(['tools']);
  stage.add('a');
  stage.agree();
  stage.agree();
  stage.one.delete('a');
  stage.add('a');
  stage.one.ended(stage.last.id);
  stage.time.advance(250);
  assert.deepEqual(stage.last.filter.resourceSubscriptions, ['a']);
  stage.told.length = 0;
  stage.one.ended(stage.last.id);
  assert.deepEqual(stage.told, [['a', true]]);
});

test('nothing is opened where nothing is wanted, and the last is closed when nothing is', () => {
  const stage = new Stage();
  stage.one.begin([]);
  assert.equal(stage.opened.length, 0);
  stage.add('a');
  stage.agree();
  stage.one.delete('a');
  assert.deepEqual([stage.cancelled, stage.opened.length, stage.time.wheel.size], [[1], 1, 0]);
});

test('one that is not agreed to in time is given up, and whoever waits for it is told', () => {
  const stage = new Stage();
  stage.one.begin(['tools']);
  stage.agree();
  stage.add('a');
  stage.time.advance(10_000);
  assert.deepEqual([stage.told, stage.cancelled], [[['a', false]], [2]]);
  assert.equal(stage.one.counts(1), true, 'the one before goes on');
});

test('one that the server keeps ending is opened ever later, eight times, and anew when something new is wanted', () => {
  const stage = new Stage();
  stage.one.begin(['tools']);
  const pauses: number[] = [];
  for (let at = 0; at < 9; at++) {
    stage.agree();
    stage.last.over();
    const before = stage.opened.length;
    let waited = 0;
    while (stage.opened.length === before && waited < 60_000) {
      stage.time.advance(250);
      waited += 250;
    }
    if (stage.opened.length > before) pauses.push(waited);
  }
  assert.deepEqual(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
  assert.deepEqual([stage.gaveUp, stage.opened.length, stage.time.wheel.size], [1, 9, 0]);
  stage.add('a');
  assert.equal(stage.opened.length, 10);
});

test('one that has lasted is opened again at once', () => {
  const stage = new Stage();
  stage.one.begin(['tools']);
  for (let at = 1; at <= 20; at++) {
    stage.agree();
    stage.time.advance(60_000);
    stage.one.ended(stage.last.id);
    stage.time.advance(250);
    assert.equal(stage.opened.length, at + 1);
  }
  assert.equal(stage.gaveUp, 0);
});

test('a server that does not read is asked again; after its end nothing is', () => {
  const stage = new Stage();
  stage.reads = false;
  stage.add('a');
  stage.reads = true;
  stage.time.advance(250);
  stage.agree();
  assert.deepEqual(stage.told, [['a', true]]);
  stage.one.ended(1);
  stage.one.close();
  stage.time.advance(100_000);
  assert.deepEqual([stage.opened.length, stage.time.wheel.size], [1, 0]);
});

test('resources are bounded', () => {
  const stage = new Stage();
  for (let at = 0; at < MOST_RESOURCES; at++) assert.equal(stage.add(`r:${at}`), true);
  assert.equal(stage.add('one more'), false);
  assert.equal(stage.opened.length, 1);
  stage.agree();
  assert.equal(stage.opened.length, 2);
  assert.equal(stage.last.filter.resourceSubscriptions?.length, MOST_RESOURCES);
});
