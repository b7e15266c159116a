/** What stands in the way of a container is one clear line, an exit code, and a health check that says so. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../harness/within.ts';
import { docker, obstacle, tryDocker, type Ended } from './engine.ts';

const skip = (await obstacle()) ?? false;
const IMAGE = 'causeway:test';

describe('a container that cannot do its work', { skip }, () => {
  const name = `causeway-bad-${randomBytes(4).toString('hex')}`;
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'causeway-bad-'));
    await chmod(directory, 0o755);
    await docker(['build', '-q', '-t', IMAGE, '.']);
    await docker(['network', 'create', name]);
    const nats = (kind: string, ...args: readonly string[]) =>
      docker([
        'run',
        '-d',
        '--rm',
        '--name',
        `${name}-${kind}`,
        '--network',
        name,
        '--entrypoint',
        'nats-server',
        'nats:2.15-alpine',
        ...args,
      ]);
    await Promise.all([nats('plain'), nats('locked', '-js', '-sd', '/tmp/js', '--user', 'u', '--pass', 'p')]);
  });
  after(async () => {
    await tryDocker(['rm', '-f', `${name}-plain`, `${name}-locked`, `${name}-waits`]);
    await tryDocker(['network', 'rm', name]);
    await rm(directory, { recursive: true, force: true });
  });

  const run = (options: readonly string[], ...args: readonly string[]): Promise<Ended> =>
    tryDocker(['run', '--rm', '--network', name, ...options, IMAGE, ...args]);
  const nats = (kind: string): readonly string[] => [
    '-e',
    `CAUSEWAY_NATS_URL=nats://${name}-${kind}:4222`,
    '-e',
    'CAUSEWAY_LOG_LEVEL=silent',
  ];
  const mounted = async (text: string, mode = 0o644): Promise<readonly string[]> => {
    const file = join(directory, `${randomBytes(4).toString('hex')}.yaml`);
    await writeFile(file, text, { mode });
    return ['-v', `${file}:/etc/causeway/causeway.yaml:ro`];
  };
  const good = 'servers: { a: { command: node, args: [x.js] }, b: { command: uvx, args: [y] } }\n';
  /** One line that says it, whatever hints are below, and no stack. */
  const saying = ({ code, stderr }: Ended, expected: number, line: RegExp): void => {
    assert.equal(code, expected, stderr);
    assert.match(stderr, line);
    assert.doesNotMatch(stderr, /^\s+at /m);
  };

  it('NATS refuses the credentials: 4', async () => {
    const wrong = [...nats('locked'), '-e', 'CAUSEWAY_NATS_USER=u', '-e', 'CAUSEWAY_NATS_PASSWORD=wrong'];
    saying(await run([...wrong, ...(await mounted(good))], 'edge'), 4, /^error: NATS at nats:\S+ refused the credentials \(.*\)\. Check/m);
    saying(await run([...nats('locked'), ...(await mounted(good))], 'worker'), 4, /^error: NATS at nats:\S+ refused the credentials/m);
  });

  it('a file of credentials that is not there: 4, named', async () => {
    const none = [...nats('locked'), '-e', 'CAUSEWAY_NATS_NKEY_FILE=/keys/edge/nkey', ...(await mounted(good))];
    saying(await run(none, 'edge'), 4, /^error: The NATS credentials file \/keys\/edge\/nkey cannot be read\.$/m);
  });

  it('NATS without JetStream: 4', async () => {
    saying(
      await run([...nats('plain'), ...(await mounted(good))], 'worker'),
      4,
      /^error: JetStream is off at the NATS server at \S+\. Start it with -js/m,
    );
  });

  it('a configuration that cannot be read, or is none: 2, with the place', async () => {
    saying(await run([...nats('plain'), ...(await mounted(good, 0o000))], 'worker'), 2, /causeway\.yaml.*cannot be read \(EACCES\)/);
    const wrong = await mounted('servers: { a: { comand: node } }\n');
    saying(await run([...nats('plain'), ...wrong], 'worker'), 2, /causeway\.yaml:1:\d+.*comand/);
  });

  it('a command that is not in the image: 127 of the only server; else the rest is served and health says it', async () => {
    saying(await run(nats('plain'), 'worker', '--', 'uvx', 'y'), 127, /^error: cannot start "y": command not found: uvx$/m);
    const files = await mounted(good);
    const locked = [...nats('locked'), '-e', 'CAUSEWAY_NATS_USER=u', '-e', 'CAUSEWAY_NATS_PASSWORD=p', ...files];
    await docker(['run', '-d', '--name', `${name}-waits`, '--network', name, ...locked, IMAGE, 'worker']);
    const health = await until(20_000, 'a worker that is ready', async () => {
      const { code, stdout } = await tryDocker(['exec', `${name}-waits`, 'causeway', 'health', '--port', '9464']);
      return code === 0 ? stdout : undefined;
    });
    assert.match(health, /^\[!\]servers degraded: cannot start "b": command not found: uvx$/m);
  });

  it('while NATS does not answer, health fails and says what is waited for', async () => {
    const nowhere = ['-e', 'CAUSEWAY_NATS_URL=nats://nowhere.invalid:4222', ...(await mounted(good))];
    for (const role of ['edge', 'worker']) {
      await tryDocker(['rm', '-f', `${name}-waits`]);
      await docker(['run', '-d', '--name', `${name}-waits`, '--network', name, ...nowhere, IMAGE, role]);
      const health = await until(20_000, `an answer of a ${role} that waits`, async () => {
        const { code, stdout } = await tryDocker(['exec', `${name}-waits`, 'causeway', 'health', '--port', '9464']);
        return code === 1 ? stdout : undefined;
      });
      assert.match(health, /^\[-\]start failing: connecting to nats$/m);
    }
  });
});
