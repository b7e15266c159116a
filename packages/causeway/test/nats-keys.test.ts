/** `causeway nats keys`: what it writes, for whom, and that a second run changes nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { natsUserKey } from '@causeway/cluster';
import { makeKeys, ROLES } from '../src/nats-keys.ts';

describe('the keys of the roles', () => {
  let directory: string;
  const text = (path: string): Promise<string> => readFile(join(directory, path), 'utf8');

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'causeway-keys-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('are a seed for each role, for its owner alone, and public keys for the servers', async () => {
    const { made } = await makeKeys(directory, ['nats-1', 'nats-2:7222']);
    assert.deepEqual(made, ['edge/nkey', 'worker/nkey', 'bootstrap/nkey', 'nats/keys.conf']);
    const conf = await text('nats/keys.conf');
    for (const role of ROLES) {
      const seed = (await text(`${role}/nkey`)).trim();
      assert.equal((await stat(join(directory, role, 'nkey'))).mode & 0o777, 0o400);
      assert.ok(conf.includes(`${role.toUpperCase()}_KEY: "${(await natsUserKey(seed)).public}"`));
      assert.ok(!conf.includes(seed), 'the servers hold no seed');
    }
    const [, password] = /^ROUTE_PASSWORD: "([\w-]{43})"$/m.exec(conf)!;
    assert.ok(conf.includes(`ROUTES: ["nats://route:${password}@nats-1:6222", "nats://route:${password}@nats-2:7222"]`));
  });

  it('are kept: a second run changes nothing, and what was lost is made anew alone', async () => {
    const before = await Promise.all(ROLES.map((role) => text(`${role}/nkey`)));
    const conf = await text('nats/keys.conf');
    assert.deepEqual((await makeKeys(directory, ['nats-1', 'nats-2:7222'])).made, []);
    await rm(join(directory, 'edge/nkey'));
    assert.deepEqual((await makeKeys(directory, ['nats-1', 'nats-2:7222'])).made, ['edge/nkey', 'nats/keys.conf']);
    const [edge, ...others] = await Promise.all(ROLES.map((role) => text(`${role}/nkey`)));
    assert.notEqual(edge, before[0]);
    assert.deepEqual(others, before.slice(1));
    assert.equal(/ROUTE_PASSWORD.*/.exec(await text('nats/keys.conf'))![0], /ROUTE_PASSWORD.*/.exec(conf)![0]);
  });

  it('a file that is no key is named, not overwritten', async () => {
    await rm(join(directory, 'worker/nkey'));
    await writeFile(join(directory, 'worker/nkey'), 'mine\n');
    await assert.rejects(makeKeys(directory, []), /worker\/nkey is there and holds no NKey seed/);
    assert.equal(await text('worker/nkey'), 'mine\n');
    await assert.rejects(makeKeys(directory, ['a"b']), /not a host name/);
  });
});
