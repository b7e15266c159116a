/** What a process logs of its NATS, and the figure of its bus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryCluster, startNats, subjects } from '@causeway/cluster';
import { loadConfig, type Config } from '@causeway/config';
import { newEdgeId, newWorkerId, type SessionToken } from '@causeway/protocol';
import { createMetrics, openLog, type OpenLog } from '@causeway/runtime';
import { logLosses, natsReports } from '../src/nats-news.ts';
import { addBusFigure, openNatsFor } from '../src/open-bridge.ts';

async function recording(): Promise<{ log: OpenLog; said: () => unknown[][] }> {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const log = await openLog({ level: 'info', format: 'json', service: 'test', destination });
  const said = (): unknown[][] =>
    written.map((line) => {
      const { level, msg, reason, ms } = JSON.parse(line) as Record<string, unknown>;
      return [level, msg, reason ?? ms];
    });
  return { log, said };
}

const token = 'abcdefghijklmnopqrstuv' as SessionToken;
const publish = (subject: string): string => `Permissions Violation for Publish to "${subject}"`;
const config = (urls: readonly string[]): Config =>
  loadConfig({ value: { nats: { servers: [...urls] } }, env: {}, cwd: '/', servers: false }).config;

test('what is reported is logged without ids, the same once a minute, and a bounded number of kinds', async () => {
  const { log, said } = await recording();
  let now = 0;
  const report = natsReports(log, () => now);
  const input = (): string => publish(subjects().sessionIn(newWorkerId(), { token, epoch: 3 }));
  for (let times = 0; times < 5; times += 1) report(input());
  report(publish('$JS.API.STREAM.MSG.GET.KV_cw_sessions'));
  report('Authorization Violation');
  assert.deepEqual(said(), [
    ['warn', 'trouble with nats', publish('cw.w.*.s.*.*.in')],
    ['warn', 'trouble with nats', publish('$JS.API.STREAM.MSG.GET.KV_cw_sessions')],
    ['warn', 'trouble with nats', 'Authorization Violation'],
  ]);
  now = 59_000;
  report(input());
  assert.equal(said().length, 3);
  now = 60_000;
  report(input());
  assert.equal(said().length, 4);
  for (let kind = 0; kind < 100; kind += 1) report(`kind ${kind}`);
  assert.equal(said().length, 23);
});

test('a loss is logged, and the return with how long it took', async () => {
  const { log, said } = await recording();
  await using cluster = await openMemoryCluster();
  let now = 0;
  logLosses(cluster.bus, log, () => now);
  cluster.setConnected(false);
  now = 1_500;
  cluster.setConnected(true);
  assert.deepEqual(said(), [
    ['warn', 'nats lost', undefined],
    ['info', 'nats is back', 1_500],
  ]);
});

test('the bus is told as connected while every one of the process is', async () => {
  const metrics = createMetrics();
  const has = addBusFigure(metrics);
  const value = async (): Promise<string | undefined> => /^causeway_bus_connected (\d)$/m.exec(await metrics.text())?.[1];
  assert.equal(await value(), '0', 'there is none yet');
  await using one = await openMemoryCluster();
  await using two = await openMemoryCluster();
  for (const { bus } of [one, two]) has(bus);
  assert.equal(await value(), '1');
  two.setConnected(false);
  assert.equal(await value(), '0');
  two.setConnected(true);
  assert.equal(await value(), '1');
});

test('a process over NATS logs what its credentials do not permit, and that NATS is lost', { timeout: 60_000 }, async () => {
  const denied = '"cw.w.*.open"';
  await using nats = await startNats({
    nodes: 1,
    config: `authorization {\n users: [{ user: u, password: p, permissions: { publish: { deny: [${denied}] } } }]\n}`,
  });
  const { log, said } = await recording();
  const id = newEdgeId();
  const { nats: given, ...rest } = config(nats.urls);
  await using cluster = await openNatsFor({ edge: id }, { config: { ...rest, nats: { ...given!, user: 'u', password: 'p' } }, log });
  cluster.bus.publish(cluster.subjects.open(newWorkerId()), Buffer.from('{}'));
  const until = async (line: string): Promise<void> => {
    while (!said().some((one) => JSON.stringify(one).includes(line))) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await until('Publish to \\"cw.w.*.open\\"');
  await nats.nodes[0]!.kill();
  await until('nats lost');
  await nats.nodes[0]!.restart();
  await until('nats is back');
  const lines = said().map(([level, message]) => `${String(level)} ${String(message)}`);
  assert.deepEqual(
    lines.filter((line) => !line.endsWith('trouble with nats')),
    ['warn nats lost', 'info nats is back'],
  );
});
