/** What `scripts/build.ts` writes is the program: it runs on the Node that it asks for, and on an older one says which that is. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OLDER = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.22.0"}})';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function node(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) =>
    execFile(process.execPath, args, { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    ),
  );
}

describe('what is built', () => {
  let built: string;
  let bin: string;
  before(async () => {
    built = await mkdtemp(join(tmpdir(), 'causeway-built-'));
    bin = join(built, 'packages/causeway/bin/causeway.js');
    const { code, err } = await node('--disable-warning=ExperimentalWarning', join(ROOT, 'scripts/build.ts'), built);
    assert.equal(code, 0, err);
    // Beside it what it depends on, without the Node of the repository.
    const modules = join(built, 'node_modules');
    await mkdir(join(modules, '@causeway'), { recursive: true });
    const others = (await readdir(join(ROOT, 'node_modules'))).filter((name) => !['@causeway', 'causeway', 'node', '.bin'].includes(name));
    await Promise.all(others.map((name) => symlink(join(ROOT, 'node_modules', name), join(modules, name))));
    for (const group of ['packages', 'services'])
      for (const name of await readdir(join(built, group))) await symlink(join(built, group, name), join(modules, '@causeway', name));
  });
  after(() => rm(built, { recursive: true, force: true }));

  it('runs on the Node that it asks for', async () => {
    const { code, out, err } = await node(bin, 'config', 'check', '--', process.execPath);
    assert.deepEqual([code, out, err], [0, 'settings: ok, 1 server (node)\n', '']);
    const gone = await node(
      bin,
      '--port',
      '0',
      '--admin-port',
      'off',
      '--diagnostics-port',
      'off',
      '--name',
      'gone',
      '--',
      process.execPath,
      '-e',
      '0',
    );
    assert.match(gone.err, /^error: cannot start "gone": it exited with code 0\n/);
    assert.equal(gone.code, 5);
  });

  it('says on an older one which it needs, in its manifests too', async () => {
    const { code, err } = await node('--import', OLDER, bin, '--version');
    assert.equal(code, 1);
    assert.match(err, /^error: causeway needs Node 24\.0 or newer, and this is 22\.22\.0\. /);
    for (const folder of ['packages/causeway', 'services/worker'])
      assert.deepEqual(JSON.parse(await readFile(join(built, folder, 'package.json'), 'utf8')).engines, { node: '>=24' });
  });
});
