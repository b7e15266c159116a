import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { examineNats, natsUserKey, openNatsCluster, startNats, type NatsClusterOptions } from '@causeway/cluster';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const open = (servers: readonly string[], change: Partial<NatsClusterOptions> = {}) =>
  openNatsCluster({ servers, name: 'test', inbox: 'cw.er.test', connectDeadline: 600, ...change });
const says =
  (pattern: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CausewayError, String(error));
    assert.equal(error.reason, 'cluster.unavailable');
    assert.match(error.message, pattern);
    return true;
  };

/** Speaks just enough NATS to be greeted. */
async function impostor(info: object): Promise<{ readonly address: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify({ server_id: 'x', max_payload: 1_048_576, proto: 1, headers: true, ...info })}\r\n`);
    socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('connecting to NATS', () => {
  it('says where nothing answers, by the deadline', async () => {
    const started = performance.now();
    await assert.rejects(
      open(['127.0.0.1:1', 'nats://user:secret@127.0.0.1:2', 'user:secret@127.0.0.1:3']),
      says(
        /No NATS server answered at 127\.0\.0\.1:1, nats:\/\/127\.0\.0\.1:2, 127\.0\.0\.1:3 \(connection refused\).*correct the NATS address/,
      ),
    );
    assert.ok(performance.now() - started < 2_000);
  });

  it('tells once that it waits for a server, when it has waited for a while', async () => {
    const told: string[] = [];
    const warn = (text: string): void => void told.push(text);
    await assert.rejects(open(['127.0.0.1:1'], { warn }), says(/No NATS server answered/));
    assert.deepEqual(told, [], 'one that starts beside us needs no word');
    await assert.rejects(open(['user:secret@127.0.0.1:1'], { warn, connectDeadline: 3_000 }), says(/No NATS server answered/));
    assert.equal(told.length, 1);
    assert.match(told[0]!, /^no NATS server answers at 127\.0\.0\.1:1 \(connection refused\), waiting for one up to 2 s$/);
  });

  it('leaves nothing open at what takes a connection and says nothing', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await assert.rejects(open([address]), says(/No NATS server answered at .* \(timeout\)/));
    assert.ok(sockets.length > 0);
    const signal = AbortSignal.timeout(5_000);
    for (const socket of sockets) if (!socket.resume().closed) await once(socket, 'close', { signal });
    server.close();
  });

  it('refuses a server that would ignore message TTL', async () => {
    await using old = await impostor({ version: '2.10.27', jetstream: true });
    await assert.rejects(
      open([old.address], { connectDeadline: 5_000 }),
      /* its JetStream does not answer at all */ says(/version 2\.10\.27; 2\.11 or newer|JetStream is off/),
    );
  });

  it('says that JetStream is off, and that credentials are refused', async () => {
    await using impostorWithout = await impostor({ version: '2.12.0' });
    await assert.rejects(open([impostorWithout.address], { connectDeadline: 5_000 }), says(/JetStream is off/));
    await using nats = await startNats({ nodes: 1, config: 'authorization { user: u, password: "p p" }' });
    const started = performance.now();
    await assert.rejects(open(nats.urls, { connectDeadline: 20_000 }), says(/refused the credentials .*Check the NATS user/));
    await assert.rejects(open(nats.urls, { connectDeadline: 20_000, credentials: { user: 'u', password: 'x' } }), says(/refused/));
    assert.ok(performance.now() - started < 2_000, 'a refusal is not waited out');
    await (await open(nats.urls, { connectDeadline: 5_000, credentials: { user: 'u', password: 'p p' } }))[Symbol.asyncDispose]();
    await (
      await open(
        nats.urls.map((url) => url.replace('//', '//u:p%20p@')),
        { connectDeadline: 5_000 },
      )
    )[Symbol.asyncDispose]();
  });

  it('says that JetStream has no leader where most servers of a cluster are away, and not that it is off', async () => {
    await using nats = await startNats({ nodes: 3 });
    await (await open(nats.urls, { connectDeadline: 20_000 }))[Symbol.asyncDispose]();
    await Promise.all(nats.nodes.map((node) => node.kill()));
    await nats.nodes[0]!.restart();
    const refused = says(/^JetStream at 127\.0\.0\.1:\d+ does not answer: it has no leader\. Are most NATS servers up\?$/);
    // At first the server says nothing, after some seconds that it has no leader.
    await assert.rejects(open(nats.urls, { connectDeadline: 3_000 }), refused);
    await assert.rejects(open(nats.urls, { connectDeadline: 15_000 }), refused);
    const { findings } = await examineNats({ servers: nats.urls, name: 'doctor' });
    assert.match(findings[0]!.text, /it has no leader/);
  });

  it('says that a cluster refuses the credentials, whose servers tell of each other, as soon as one does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'causeway-test-'));
    await using nats = await startNats({ nodes: 3, config: 'authorization { user: u, password: p }' });
    const started = performance.now();
    await assert.rejects(
      open(nats.urls, { connectDeadline: 20_000, credentials: { user: 'u', password: 'x' } }),
      says(/refused the credentials/),
    );
    const nkeyFile = join(directory, 'seed');
    await writeFile(nkeyFile, (await natsUserKey()).seed);
    await assert.rejects(open(nats.urls, { connectDeadline: 20_000, credentials: { nkeyFile } }), says(/refused the credentials/));
    assert.ok(performance.now() - started < 3_000, 'a refusal is not waited out');
    await rm(directory, { recursive: true });
  });

  it('takes tokens, and nkeys from a file; says which file cannot be read', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'causeway-test-'));
    try {
      const nkeyFile = join(directory, 'seed');
      const { nkeys } = await import('@nats-io/transport-node');
      const pair = nkeys.createUser();
      await writeFile(nkeyFile, `${Buffer.from(pair.getSeed()).toString()}\n`);
      {
        await using nats = await startNats({ nodes: 1, config: `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }` });
        await (await open(nats.urls, { connectDeadline: 5_000, credentials: { nkeyFile } }))[Symbol.asyncDispose]();
      }
      await using nats = await startNats({ nodes: 1, config: 'authorization { token: "t0k" }' });
      await (await open(nats.urls, { connectDeadline: 5_000, credentials: { token: 't0k' } }))[Symbol.asyncDispose]();
      await assert.rejects(
        open(nats.urls, { credentials: { credsFile: join(directory, 'none') } }),
        says(/credentials file .*none cannot be read/),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('refuses buckets of another prefix that makes the same names; those of whom nobody knows are whoever comes first', async () => {
    await using nats = await startNats({ nodes: 1 });
    const openAs = async (prefix: string): Promise<void> =>
      (await open(nats.urls, { connectDeadline: 5_000, prefix }))[Symbol.asyncDispose]();
    await openAs('a.b');
    await assert.rejects(openAs('a_b'), says(/^The NATS bucket a_b_\w+ is of the subject prefix a\.b, .*choose another than a_b/));
    const { findings } = await examineNats({ servers: nats.urls, name: 'doctor', prefix: 'a_b' });
    assert.match(findings[1]!.text, /^bucket a_b_workers: of the prefix a\.b/);
    await openAs('a.b');
    const nc = await connect({ servers: nats.nodes[0]!.address });
    const manager = await jetstreamManager(nc);
    for (const bucket of ['workers', 'sessions', 'cluster']) await manager.streams.update(`KV_a_b_${bucket}`, { metadata: {} });
    await nc.close();
    await openAs('a_b');
  });

  it('refuses a bucket that would keep leases for ever, and names it', async () => {
    await using nats = await startNats({ nodes: 1 });
    const nc = await connect({ servers: nats.nodes[0]!.address });
    await (await jetstreamManager(nc)).streams.add({ name: 'KV_mine_workers', subjects: ['$KV.mine_workers.>'], max_msgs_per_subject: 1 });
    await nc.close();
    await assert.rejects(
      open(nats.urls, { connectDeadline: 5_000, prefix: 'mine' }),
      says(/bucket mine_workers exists, but was not made by Causeway/),
    );
  });
});
