/** What an edge tells of streams that nobody reads any more, on a connection that comes and goes. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { decode, openMemoryCluster, type ControlHead } from '@causeway/cluster';
import { ANONYMOUS } from '@causeway/protocol';
import { Words } from '../../src/session/words.ts';

async function stage() {
  const cluster = await openMemoryCluster();
  const heard: string[] = [];
  await cluster.bus.subscribe('cw.door', ({ data }) => {
    const head = decode<ControlHead>(data)!.head;
    heard.push(`${head.t} ${head.stream}`);
  });
  let now = 0;
  const words = new Words(cluster.bus, () => now);
  const tell = (t: 'credit' | 'detach', stream: string): void => words.tell('cw.door', { t, identity: ANONYMOUS, stream });
  /** The connection is lost, something happens, and it is back after so long. */
  const away = (ms: number, meanwhile = (): void => undefined): void => {
    cluster.setConnected(false);
    meanwhile();
    now += ms;
    cluster.setConnected(true);
    words.resume();
  };
  const said = async (): Promise<readonly string[]> => {
    for (let nth = 0; nth < 5; nth += 1) await turn();
    return heard.splice(0);
  };
  return { cluster, tell, away, said, pass: (ms: number) => void (now += ms) };
}

test('that a client has left is told again by a connection that comes after one which may have carried nothing', async () => {
  const { cluster, tell, away, said, pass } = await stage();
  await using _ = cluster;
  tell('detach', 'a');
  tell('credit', 'b');
  assert.deepEqual(await said(), ['detach a', 'credit b']);
  away(1_000);
  assert.deepEqual(await said(), ['detach a']);
  pass(20_000);
  away(1_000);
  assert.deepEqual(await said(), [], 'by then a connection without a word would have been given up');
});

test('what could not be told is told when the bus is back, if it matters then', async () => {
  const { cluster, tell, away, said } = await stage();
  await using _ = cluster;
  away(1_000, () => {
    tell('detach', 'a');
    tell('credit', 'b');
  });
  assert.deepEqual(await said(), ['detach a']);
  away(1_000);
  assert.deepEqual(await said(), ['detach a']);
});
