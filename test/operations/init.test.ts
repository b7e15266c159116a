/** `causeway init --cluster`: the repository's own stack, for somebody else's servers, over nothing that exists. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { launch } from '../harness/processes.ts';
import { within } from '../harness/within.ts';

const STACK = ['deploy/compose/haproxy.cfg', 'deploy/compose/nats.conf', 'deploy/compose/prometheus.yml', 'deploy/compose/rules.yml'];

describe('init --cluster', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'causeway-init-'));
  });
  after(() => rm(base, { recursive: true, force: true }));

  const init = async (cwd: string, ...args: readonly string[]): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    await using process = launch(['init', '--cluster', ...args], { cwd });
    const { code } = await within(20_000, 'the end of init', process.finished);
    return { code, stderr: process.stderr() };
  };
  const directory = (): Promise<string> => mkdtemp(join(base, 'd-'));
  const files = async (cwd: string): Promise<readonly string[]> =>
    (await readdir(cwd, { recursive: true })).filter((name) => /\.\w+$/.test(name)).toSorted((a, b) => a.localeCompare(b));

  it('writes the stack and a configuration for a command; the files are those of the repository', async () => {
    const cwd = await directory();
    const { code, stderr } = await init(cwd, '--', 'node', 'server.js');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await files(cwd), ['causeway.schema.json', 'causeway.yaml', ...STACK, 'docker-compose.yml']);
    for (const name of STACK)
      assert.equal(await readFile(join(cwd, name), 'utf8'), await readFile(new URL(`../../${name}`, import.meta.url), 'utf8'));
    assert.match(await readFile(join(cwd, 'causeway.yaml'), 'utf8'), /command: node/);
    const compose = await readFile(join(cwd, 'docker-compose.yml'), 'utf8');
    assert.match(compose, /^ {4}image: nats:2\.15-alpine$|^ {2}image: nats:2\.15-alpine$/m);
    assert.doesNotMatch(compose, /build:/);
  });

  it("serves a client's file, or the configuration that is there", async () => {
    const [imported, present] = [await directory(), await directory()];
    await writeFile(join(imported, 'mcp.json'), '{"mcpServers":{"git":{"command":"uvx","args":["mcp-server-git"]}}}');
    assert.equal((await init(imported, '--import', 'mcp.json')).code, 0);
    assert.match(await readFile(join(imported, 'causeway.yaml'), 'utf8'), /git:\n {4}command: uvx/);
    await writeFile(join(present, 'causeway.yaml'), 'mine');
    const { code, stderr } = await init(present);
    assert.deepEqual([code, await readFile(join(present, 'causeway.yaml'), 'utf8')], [0, 'mine']);
    assert.match(stderr, /^causeway\.yaml is left as it is: it says what the stack serves$/m);
  });

  it('writes nothing when anything is in the way', async () => {
    const cwd = await directory();
    await writeFile(join(cwd, 'docker-compose.yml'), 'mine');
    const { code, stderr } = await init(cwd, '--', 'node', 'x');
    assert.deepEqual([code, await files(cwd)], [2, ['docker-compose.yml']]);
    assert.match(stderr, /^error: docker-compose\.yml exists already and is left as it is\n {2}nothing was written$/m);
    assert.equal((await init(cwd, '--import')).code, 2);
    assert.equal((await init(cwd, '--clusterr')).code, 2);
  });
});
