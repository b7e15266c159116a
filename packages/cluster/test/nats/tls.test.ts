/** NATS that demands TLS, a real one: who is let in, whom we believe, and what is said where it does not come about. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { examineNats, openNatsCluster, startNats, type Cluster, type NatsClusterOptions } from '@causeway/cluster';
import { nkeys } from '@nats-io/transport-node';

const made = (name: string): string => join(import.meta.dirname, '../../../../test/fixtures/tls', name);
const CA = { caFile: made('ca.pem') };
const of = (name: string) => ({ certFile: made(`${name}.pem`), keyFile: made(`${name}.key`) });

/** How a server of that certificate is configured; `verify`: it asks for one, too. */
const secured = (name: string, verify = false): string =>
  `tls { cert_file: "${made(`${name}.pem`)}", key_file: "${made(`${name}.key`)}", ca_file: "${CA.caFile}", verify: ${verify} }`;

const open = (servers: readonly string[], change: Partial<NatsClusterOptions>): Promise<Cluster> =>
  openNatsCluster({ servers, name: 'test', inbox: 'cw.er.test', connectDeadline: 5_000, ...change });

async function opens(servers: readonly string[], change: Partial<NatsClusterOptions>): Promise<void> {
  await using cluster = await open(servers, change);
  assert.equal(cluster.bus.status, 'connected');
}

/** Rejects with this message, and before a deadline that is far away unless it is said. */
async function refused(servers: readonly string[], change: Partial<NatsClusterOptions>, message: RegExp): Promise<void> {
  const begun = performance.now();
  await assert.rejects(open(servers, { connectDeadline: 20_000, ...change }), (error) => {
    assert.ok(error instanceof CausewayError, String(error));
    assert.equal(error.reason, 'cluster.unavailable');
    assert.match(error.message, message);
    return true;
  });
  assert.ok(performance.now() - begun < 10_000, 'what does not mend itself is not waited for');
}

/** The same addresses, with TLS demanded by their scheme. */
const tls = (urls: readonly string[]): string[] => urls.map((url) => url.replace('nats:', 'tls:'));

test('a server with TLS is met by either scheme, once its authority is known', async () => {
  await using nats = await startNats({ nodes: 1, config: secured('server') });
  await opens(nats.urls, { tls: CA });
  await opens(tls(nats.urls), { tls: CA });
  const unknown =
    /^NATS at (?:nats|tls):\S+ answers, but nobody who is known here vouches for its certificate\. nats\.tls\.caFile names the authority\.$/;
  await refused(nats.urls, {}, unknown);
  await refused(tls(nats.urls), {}, unknown);
  await refused(nats.urls, { tls: { caFile: made('strange.pem') } }, unknown);
  const { reachable, findings } = await examineNats({ servers: nats.urls, name: 'doctor', tls: CA });
  assert.ok(reachable, findings[0]?.text);
  assert.match((await examineNats({ servers: nats.urls, name: 'doctor' })).findings[0]!.text, unknown);
});

test('a server that is named by its address is known by that, not by any other name', async () => {
  await using byAddress = await startNats({ nodes: 1, config: secured('address') });
  await using byName = await startNats({ nodes: 1, config: secured('name') });
  const named = ({ urls }: typeof byName): string[] => tls(urls).map((url) => url.replace('127.0.0.1', 'localhost'));
  await opens(tls(byAddress.urls), { tls: CA });
  await opens(named(byName), { tls: CA });
  const another = /^NATS at \S+ answers, but its certificate is for another name\. Give the NATS address the name that stands there\.$/;
  await refused(named(byAddress), { tls: CA }, another);
  await refused(tls(byName.urls), { tls: CA }, another);
});

test('servers that tell of each other by addresses are known by the name of the one that told', { timeout: 60_000 }, async () => {
  await using nats = await startNats({ nodes: 3, config: secured('name') });
  await using cluster = await open([tls(nats.urls)[0]!.replace('127.0.0.1', 'localhost')], { tls: CA, connectDeadline: 20_000 });
  await cluster.sessions.signingKey();
  await nats.nodes[0]!.kill();
  while (cluster.bus.status !== 'connected' || !(await asked(cluster))) await new Promise((resolve) => setTimeout(resolve, 200));
});

/** Whether the store answers. */
const asked = (cluster: Cluster): Promise<boolean> =>
  cluster.sessions.get('nobody' as SessionToken).then(
    () => true,
    () => false,
  );

test('TLS that is demanded is not done without', async () => {
  await using nats = await startNats({ nodes: 1 });
  const without = /answers, but it speaks no TLS\. Turn that on there, or do not ask for it \(tls:\/\/, nats\.tls\)\.$/;
  await refused(tls(nats.urls), {}, without);
  await refused(nats.urls, { tls: {} }, without);
  await opens(nats.urls, {});
});

test('a certificate that has ended is told as such', async () => {
  await using nats = await startNats({ nodes: 1, config: secured('expired') });
  await refused(nats.urls, { tls: CA }, /answers, but its certificate has ended\. Renew it\.$/);
});

test('a server that asks for certificates lets in who shows one that it trusts, with an NKey beside it where it wants both', async (t) => {
  const pair = nkeys.createUser();
  const nkeyFile = join(folder(t), 'seed');
  writeFileSync(nkeyFile, pair.getSeed());
  const users = `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }`;
  await using nats = await startNats({ nodes: 1, config: `${secured('server', true)}\n${users}` });
  await opens(nats.urls, { tls: { ...CA, ...of('client') }, credentials: { nkeyFile } });
  await refused(nats.urls, { tls: { ...CA, ...of('client') } }, /refused the credentials/);
  for (const wrong of [{}, of('stranger')])
    await refused(
      nats.urls,
      { connectDeadline: 1_000, tls: { ...CA, ...wrong }, credentials: { nkeyFile } },
      /^No NATS server answered at \S+ \(timeout\)\. .* If it asks for certificates: nats\.tls\.certFile and keyFile give it one that it trusts\.$/,
    );
});

test('a certificate that was renewed is shown at the next connection', { timeout: 60_000 }, async (t) => {
  const files = { certFile: join(folder(t), 'cert'), keyFile: join(folder(t), 'key') };
  const put = (name: string): void => {
    copyFileSync(made(`${name}.pem`), files.certFile);
    copyFileSync(made(`${name}.key`), files.keyFile);
  };
  put('client');
  await using nats = await startNats({ nodes: 1, config: secured('server', true) });
  await using cluster = await open(nats.urls, { tls: { ...CA, ...files } });
  // One that is not trusted shows that the files are read again.
  put('stranger');
  await nats.nodes[0]!.kill();
  await nats.nodes[0]!.restart();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(await asked(cluster), false);
  put('renewed');
  while (cluster.bus.status !== 'connected' || !(await asked(cluster))) await new Promise((resolve) => setTimeout(resolve, 200));
});

/** A directory for the time of a test. */
function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-test-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** A token of NATS: claims signed by an NKey. */
function jwt(by: nkeys.KeyPair, of: nkeys.KeyPair, name: string, nats: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { jti: name, iat: 1_577_836_800, iss: by.getPublicKey(), sub: of.getPublicKey(), name, nats: { version: 2, ...nats } };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${text}.${Buffer.from(by.sign(new TextEncoder().encode(text))).toString('base64url')}`;
}

test('a file of credentials, a JWT and its seed, logs in at a server that knows its operator, over TLS', async (t) => {
  const [operator, account, system, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount(), nkeys.createUser()];
  const limits = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const config = [
    secured('server'),
    `operator: ${jwt(operator, operator, 'operator', { type: 'operator', system_account: system.getPublicKey() })}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload: {`,
    `${account.getPublicKey()}: ${jwt(operator, account, 'account', { type: 'account', limits: { ...limits, ...storage } })}`,
    `${system.getPublicKey()}: ${jwt(operator, system, 'system', { type: 'account', limits })}`,
    `}`,
  ].join('\n');
  const credsFile = join(folder(t), 'creds');
  const token = jwt(account, user, 'user', { type: 'user', subs: -1, data: -1, payload: -1 });
  const seed = Buffer.from(user.getSeed()).toString();
  writeFileSync(
    credsFile,
    `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  );
  await using nats = await startNats({ nodes: 1, config });
  await opens(nats.urls, { tls: CA, credentials: { credsFile } });
  await refused(nats.urls, { tls: CA }, /refused the credentials/);
});
