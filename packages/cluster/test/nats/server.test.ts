import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findNatsServer, startNats } from '../../src/nats/server.ts';

/** A directory with a program that claims to be a nats-server of some version. */
async function claimant(version: string): Promise<{ readonly directory: string; readonly path: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'causeway-test-'));
  const path = join(directory, 'nats-server');
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return { directory, path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describe('finding a nats-server', () => {
  it('takes the one that is named, then the PATH, and passes over those that are too old', async () => {
    await using named = await claimant('2.11.0');
    await using old = await claimant('2.10.27');
    await using recent = await claimant('3.0.1-beta');
    const PATH = `${old.directory}:${recent.directory}`;
    assert.deepEqual(await findNatsServer({ PATH, CAUSEWAY_NATS_SERVER: named.path }), { path: named.path, version: '2.11.0' });
    assert.deepEqual(await findNatsServer({ PATH }), { path: recent.path, version: '3.0.1-beta' });
    await assert.rejects(
      findNatsServer({ PATH, CAUSEWAY_NATS_SERVER: old.path }),
      /Found: .*nats-server is 2\.10\.27\. Put one on the PATH/,
    );
    await assert.rejects(findNatsServer({ PATH, CAUSEWAY_NATS_SERVER: process.execPath }), /is no nats-server/);
  });
});

describe('a nats-server of our own', () => {
  it('keeps its address over a restart and leaves neither process nor directory', async () => {
    await using nats = await startNats({ nodes: 1 });
    const node = nats.nodes[0]!;
    const pid = node.pid!;
    const [home = ''] = /\/[^\0]*causeway-nats-\w+/.exec(await readFile(`/proc/${pid}/cmdline`, 'utf8')) ?? [];
    assert.ok(existsSync(home));
    assert.deepEqual(nats.urls, [`nats://${node.address}`]);
    await node.stop();
    assert.equal(node.pid, undefined);
    await node.restart();
    const socket = connect(Number(node.address.split(':')[1]), '127.0.0.1');
    await once(socket, 'data');
    socket.destroy();
    await nats[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    // Other tests have servers of their own in there.
    assert.ok(!existsSync(home));
    assert.ok(!existsSync(`/proc/${pid}`) || process.platform !== 'linux');
  });

  it('says that there is no place for its data, and how to name another', async (t) => {
    const before = process.env['TMPDIR'];
    t.after(() => (before === undefined ? delete process.env['TMPDIR'] : (process.env['TMPDIR'] = before)));
    process.env['TMPDIR'] = '/nonexistent/temporary';
    await assert.rejects(startNats({ nodes: 1 }), {
      reason: 'cluster.unavailable',
      message: 'A nats-server of our own finds no place for its data in /nonexistent/temporary (ENOENT). TMPDIR names another directory.',
    });
  });

  it('says why it does not start', async () => {
    await assert.rejects(startNats({ nodes: 1, config: 'no_such_setting: {' }), /nats-server n1 ended at its start: .+/);
    await assert.rejects(startNats({ nodes: 1, binary: '/nonexistent/nats-server' }), /nats-server n1 ended at its start/);
  });
});
