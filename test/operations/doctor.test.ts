/** `causeway doctor`: what would go wrong at a start is found before it, and nothing is started or changed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startNats, type Nats } from '@causeway/cluster';
import { openIdentityProvider } from '@causeway/edge/identity-provider';
import { openLedger } from '../harness/ledger.ts';
import { openOperator, type Operator, type Said } from '../harness/operator.ts';
import { hostile } from '../harness/processes.ts';

interface Diagnosis {
  readonly state: string;
  readonly checks: readonly { readonly name: string; readonly state: string; readonly text: string }[];
}

describe('doctor', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let operator: Operator;
  let nats: Nats;
  before(async () => {
    operator = stack.use(await openOperator());
    nats = stack.use(await startNats({ nodes: 1 }));
  });
  after(async () => {
    const starts = await ledger.starts();
    await stack.disposeAsync();
    assert.equal(starts, 0, 'a look started a child');
  });

  const ports = ['--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off'];
  const { command, args = [] } = hostile();
  const server = ['-e', `LEDGER=${ledger.env['LEDGER']}`, '--', command, ...args];
  const of = (said: Said, name: string) => (said.json() as Diagnosis).checks.filter((check) => check.name === name);

  it('all well: 0, a sign in front of each line', async () => {
    const { code, stdout, stderr } = await operator.run('doctor', '--nats', nats.urls[0]!, ...ports, ...server);
    assert.deepEqual([code, stderr], [0, '']);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^[✔!] /);
    assert.match(stdout, /^✔ NATS \d+\.\d+\.\d+\S* at \S+, one server, JetStream on$/m);
    assert.match(stdout, /^✔ bucket cw_workers: not there yet; the first start makes it$/m);
    assert.match(stdout, /^✔ the credentials serve an edge and a worker$/m);
    assert.match(stdout, /^✔ server hostile: \//m);
    assert.match(stdout, /^[✔!] open files: \d+/m);
  });

  it('NATS out of reach: 4, and all the rest is looked at nevertheless', async () => {
    const said = await operator.run('doctor', '--nats', '127.0.0.1:1', '--format', 'json', ...ports, ...server);
    assert.equal(said.code, 4);
    assert.equal((said.json() as Diagnosis).state, 'fail');
    assert.deepEqual(
      of(said, 'nats').map(({ state }) => state),
      ['fail'],
    );
    assert.equal(of(said, 'command')[0]!.state, 'ok');
  });

  it('a command that is not there: 1; a package without a version: a warning', async () => {
    const said = await operator.run('doctor', '--format=json', ...ports, '--server', 'a=no-such-program', '--', 'npx', '-y', 'some-mcp');
    assert.equal(said.code, 1);
    assert.match(of(said, 'command').find(({ state }) => state === 'fail')!.text, /"a": command not found: no-such-program/);
    assert.deepEqual(
      of(said, 'version').map(({ state, text }) => [state, text.includes('write some-mcp@1.2.3')]),
      [['warn', true]],
    );
  });

  it('the identity provider: its keys, or that it does not answer', async () => {
    await using provider = await openIdentityProvider();
    const look = async (issuer: string) => {
      const env = { CAUSEWAY_AUTH_JWT_ISSUER: issuer, CAUSEWAY_AUTH_JWT_AUDIENCE: 'a' };
      return of(await operator.runWith(env, 'doctor', '--format', 'json', ...ports, ...server), 'auth')[0];
    };
    assert.deepEqual(await look(provider.issuer), {
      name: 'auth',
      state: 'ok',
      text: `identity provider ${provider.issuer}: 1 key at ${new URL(provider.issuer).origin}/keys`,
    });
    const other = await look(`${provider.issuer}/other`);
    assert.equal(other?.state, 'fail');
    assert.match(other.text, /openid-configuration answers 404, not 200$/);
  });

  it('a working directory that is not there: 1, as at the start', async () => {
    const said = await operator.run('doctor', '--format', 'json', ...ports, '--cwd', '/not/there', ...server);
    assert.equal(said.code, 1);
    const [command] = of(said, 'command');
    assert.equal(command?.state, 'fail');
    assert.match(command.text, /^cannot start ".*": its working directory \/not\/there does not exist/);
  });

  it('a port that is taken: 1, by whom; one that would be exchanged: a warning', async () => {
    await using holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const look = (...line: readonly string[]) => operator.run('doctor', '--format', 'json', ...line, ...server);
    const taken = await look('--port', String(port), '--diagnostics-port', 'off', '--admin-port', 'off');
    assert.equal(taken.code, 1);
    assert.match(of(taken, 'port')[0]!.text, new RegExp(`^MCP port ${port}: in use by node \\(pid ${process.pid}\\); choose another`));
    const exchanged = await look('--port', '0', '--diagnostics-port', 'off', '--admin-port', String(port));
    assert.equal(exchanged.code, 0);
    assert.deepEqual(
      of(exchanged, 'port').map(({ state }) => state),
      ['warn'],
    );
  });

  it('a configuration that cannot be used: 2, as everywhere', async () => {
    const said = await operator.run('doctor', '--format', 'json', '--port', 'http');
    assert.deepEqual([said.code, said.error().code], [2, 'usage']);
    assert.match(said.error().message, /--port {2}not a port/);
  });
});
