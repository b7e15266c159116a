/** A NATS is looked at without being changed, and what is said is what a start would run into. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { examineNats, openNatsCluster, startNats, type Nats, type NatsExamination } from '@causeway/cluster';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const lines = ({ findings }: NatsExamination): string[] => findings.map(({ name, state, text }) => `${state} ${name} ${text}`);

describe('a NATS that anybody may use', () => {
  let nats: Nats;
  before(async () => {
    nats = await startNats({ nodes: 1 });
  });
  after(() => nats[Symbol.asyncDispose]());
  const look = (): Promise<NatsExamination> => examineNats({ servers: nats.urls, name: 'doctor' });

  it('before the first start: the buckets can be made, and looking makes none', async () => {
    const seen = await look();
    assert.equal(seen.reachable, true);
    assert.match(lines(seen)[0]!, /^ok nats NATS \d+\.\d+\.\d+\S* at 127\.0\.0\.1:\d+, one server, JetStream on$/);
    assert.deepEqual(lines(seen).slice(1), [
      'ok bucket bucket cw_workers: not there yet; the first start makes it',
      'ok bucket bucket cw_sessions: not there yet; the first start makes it',
      'ok bucket bucket cw_cluster: not there yet; the first start makes it',
      'ok rights the credentials serve an edge and a worker',
    ]);
    const nc = await connect({ servers: [...nats.urls] });
    const manager = await jetstreamManager(nc);
    assert.deepEqual(await manager.streams.list().next(), []);
    await nc.close();
  });

  it('afterwards: they are there, nothing was written to them, and the clock is compared', async () => {
    await (await openNatsCluster({ servers: nats.urls, name: 't', inbox: 'cw.er.t' }))[Symbol.asyncDispose]();
    const seen = lines(await look());
    assert.equal(seen[1], 'ok bucket bucket cw_workers: there, R1');
    assert.match(seen.at(-1)!, /^ok clock clock within \d+ ms of the NATS server's$/);
    const nc = await connect({ servers: [...nats.urls] });
    const manager = await jetstreamManager(nc);
    assert.equal((await manager.streams.info('KV_cw_workers')).state.last_seq, 0);
    await nc.close();
  });

  it('a bucket of somebody else is named', async () => {
    const nc = await connect({ servers: [...nats.urls] });
    await (await jetstreamManager(nc)).streams.add({ name: 'KV_other_workers', subjects: ['$KV.other_workers.>'] });
    await nc.close();
    const seen = lines(await examineNats({ servers: nats.urls, name: 'doctor', prefix: 'other' }));
    assert.match(seen[1]!, /^fail bucket bucket other_workers: not made by Causeway/);
  });
});

/** A user for each right of the two roles, who has all others of the role; `short` says who lacks what. */
function lacking(block: string, short: Map<string, string>): string[] {
  const users: string[] = [];
  for (const role of ['edge', 'worker']) {
    const [, publish = '', subscribe = ''] = new RegExp(`${role} = \\{\\s+publish: \\[([^]*?)\\]\\s+subscribe: \\[([^]*?)\\]`).exec(block)!;
    const rights = [publish, subscribe].map((list) => [...list.matchAll(/"(.+?)"/g)].map(([, right]) => right!));
    for (const right of rights.flat()) {
      // Without these nothing can be looked at: other findings say so.
      if (/\$JS\.API\.(STREAM\.)?INFO|\.[we]r\.\*/.test(right)) continue;
      const [may, hears] = rights.map((list) => list.filter((one) => one !== right).map((one) => `"${one}"`));
      const user = `${role}${short.size}`;
      short.set(user, right);
      users.push(`{ user: ${user}, password: ${user}, permissions: { publish: [${may!.join(',')}], subscribe: [${hears!.join(',')}] } }`);
    }
  }
  return users;
}

/** Whether a permission for `right` permits the subject `named`, which may have `*` in it itself. */
function covers(right: string, named: string): boolean {
  const tokens = named.split('.');
  const wanted = right.split('.');
  return (
    wanted.every((one, at) => one === '*' || one === '>' || one === tokens[at]) &&
    (wanted.at(-1) === '>' || wanted.length === tokens.length)
  );
}

describe('a NATS with roles', () => {
  let nats: Nats;
  const short = new Map<string, string>();
  const look = (user: string): Promise<NatsExamination> =>
    examineNats({ servers: nats.urls, name: 'doctor', credentials: { user, password: user } });
  before(async () => {
    const text = await readFile(new URL('../../../../docs/subjects.md', import.meta.url), 'utf8');
    const block = /```\n(authorization \{\n[^]*?)```/.exec(text)![1]!;
    const config = block.replaceAll(/\$([A-Z]+)_PASSWORD/g, (_, role: string) => role.toLowerCase());
    nats = await startNats({ nodes: 1, config: config.replace('users: [', `users: [\n${lacking(block, short).join('\n')}`) });
  });
  after(() => nats[Symbol.asyncDispose]());

  it('buckets that are not there and may not be made are a fault; each role is known by what it may', async () => {
    assert.match(lines(await look('worker'))[1]!, /^fail bucket bucket cw_workers: not there, and these credentials may not make it/);
    const boot = await openNatsCluster({
      servers: nats.urls,
      name: 't',
      inbox: 'cw.boot.1',
      credentials: { user: 'bootstrap', password: 'bootstrap' },
    });
    await boot[Symbol.asyncDispose]();
    assert.equal(lines(await look('worker'))[4], 'ok rights the credentials serve a worker only');
    assert.equal(lines(await look('edge'))[4], 'ok rights the credentials serve an edge only');
    const neither = await look('bootstrap');
    assert.deepEqual(
      neither.findings.map(({ name, state }) => [name, state]),
      [
        ['nats', 'ok'],
        ['rights', 'fail'],
      ],
    );
  });

  it('a right that a role lacks is named, whichever it is', async () => {
    assert.ok(short.size > 25);
    for (const [user, right] of short) {
      const { state, text } = (await look(user)).findings.find(({ name }) => name === 'rights')!;
      assert.equal(state, 'fail', `${user} lacks ${right}: ${text}`);
      const role = user.replace(/\d+/, '');
      assert.ok(text.includes(` ${role} lacks `), text);
      const named = [...text.matchAll(/(?:publish to|subscribe to) (\S+?)[,;:]?(?= |$)/g)].map(([, one]) => one!);
      assert.ok(named.length > 0 && named.every((one) => covers(right, one)), `${right}: ${text}`);
    }
  });

  it('credentials that are refused, and a server that is not there: not reachable', async () => {
    const refused = await look('nobody');
    assert.equal(refused.reachable, false);
    assert.match(lines(refused)[0]!, /^fail nats NATS at .* refused the credentials/);
    const absent = await examineNats({ servers: ['127.0.0.1:1'], name: 'doctor', connectDeadline: 300 });
    assert.equal(absent.reachable, false);
    assert.match(lines(absent)[0]!, /^fail nats No NATS server answered at 127\.0\.0\.1:1/);
  });
});

it('a NATS without JetStream will not do', async () => {
  await using nats = await startNats({ nodes: 1, config: 'accounts { A { users: [ { user: a, password: a } ] } }' });
  const seen = await examineNats({ servers: nats.urls, name: 'doctor', credentials: { user: 'a', password: 'a' } });
  assert.equal(seen.reachable, true);
  assert.match(lines(seen)[0]!, /^fail nats JetStream is off/);
});
