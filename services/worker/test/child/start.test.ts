import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CausewayError } from '@causeway/protocol';
import type { ChildCommand } from '../../src/child/child.ts';
import { faultOf, launchPrefixes } from '../../src/child/launch.ts';
import { FIXTURE, start } from './support.ts';

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function fails(t: TestContext, fault: string, command: Partial<ChildCommand>): Promise<void> {
  const { confined: prefix } = await launchPrefixes();
  for (const deps of [{}, { prefix }]) {
    await assert.rejects(start(t, [], { command: { args: [], ...command }, deps }), (error) => {
      assert(error instanceof CausewayError);
      assert.equal(error.reason, 'server.start_failed');
      assert.deepEqual(error.facts, { class: fault });
      return true;
    });
  }
}

test('a command that is not on the PATH of the child, or not at its path, is not_found', async (t) => {
  const empty = directory(t);
  await fails(t, 'not_found', { command: 'causeway-no-such-command' });
  await fails(t, 'not_found', { command: 'cat', env: { PATH: empty } });
  await fails(t, 'not_found', { command: './nothing', cwd: empty });
  await fails(t, 'not_found', { command: '' });
});

test('a file without the right to execute, and a directory, are not_executable', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'plain'), 'echo', { mode: 0o644 });
  mkdirSync(join(path, 'folder'));
  await fails(t, 'not_executable', { command: join(path, 'plain') });
  await fails(t, 'not_executable', { command: 'plain', env: { PATH: path } });
  await fails(t, 'not_executable', { command: './folder', cwd: path });
});

test('a working directory that is missing or a file is bad_cwd, not a missing command', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'file'), '');
  await fails(t, 'bad_cwd', { command: 'cat', cwd: join(path, 'missing') });
  await fails(t, 'bad_cwd', { command: 'cat', cwd: join(path, 'file') });
});

test('NUL anywhere, a variable that is no name and arguments beyond the limit of the system are arguments', async (t) => {
  await fails(t, 'arguments', { command: 'cat', args: ['a\0b'] });
  await fails(t, 'arguments', { command: 'ca\0t' });
  await fails(t, 'arguments', { command: 'cat', env: { A: 'x\0y' } });
  await fails(t, 'arguments', { command: 'cat', env: { 'A=B': 'x' } });
  await fails(t, 'arguments', { command: 'cat', args: ['x'.repeat(4 * 1024 * 1024)] });
});

test('system calls that fail for want of processes, descriptors or memory are too_many_processes', () => {
  for (const code of ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']) assert.equal(faultOf({ code }), 'too_many_processes');
  assert.equal(faultOf({ code: 'EIO' }), 'other');
  assert.equal(faultOf(undefined), 'other');
});

test('however few descriptors are left, a start works or fails as too_many_processes, and none is lost', () => {
  const fixture = fileURLToPath(new URL('../fixtures/starve.ts', import.meta.url));
  const output = execFileSync('/bin/sh', ['-c', 'ulimit -n 100; exec "$0" "$1"', process.execPath, fixture], { encoding: 'utf8' });
  const { outcomes, leaked } = JSON.parse(output);
  const works = outcomes.indexOf('started');
  assert(works > 0, output);
  assert.deepEqual(new Set(outcomes.slice(0, works)), new Set(['too_many_processes']));
  assert.deepEqual(new Set(outcomes.slice(works)), new Set(['started']));
  assert.equal(leaked, 0);
});

test('an earlier directory with an unusable file of the name does not hide a later one', async (t) => {
  const path = directory(t);
  mkdirSync(join(path, 'node'));
  const witness = await start(t, [], {
    command: { command: 'node', args: [FIXTURE, 'exit'], env: { PATH: `${path}:${process.execPath.replace(/\/[^/]*$/, '')}` } },
  });
  assert.equal((await witness.untilExit()).code, 1);
});

/** The value of NoNewPrivs that a process started with this prefix reads of itself. */
async function noNewPrivileges(t: TestContext, prefix: readonly string[]): Promise<string | undefined> {
  const witness = await start(t, [], { command: { command: 'cat', args: ['/proc/self/status'] }, deps: { prefix } });
  await witness.untilExit();
  return witness.lines.find((line) => line.startsWith('NoNewPrivs:'))?.split(/\s+/)[1];
}

test('a child gains no privileges by what it executes, unless it is allowed to; either way it dies with its worker', async (t) => {
  const { confined, free } = await launchPrefixes();
  const inherited = /^NoNewPrivs:\s+(\d)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert.equal(await noNewPrivileges(t, confined), '1');
  assert.equal(await noNewPrivileges(t, free), inherited);
  for (const prefix of [confined, free]) assert.deepEqual(prefix.slice(1, 3), ['--pdeathsig', 'KILL']);
});

test('a machine whose setpriv lacks an option, or that has none, starts its children without', async (t) => {
  const path = directory(t);
  const file = join(path, 'setpriv');
  const [real] = (await launchPrefixes()).free;
  /** Refuses one option as a setpriv does that does not know it. */
  const without = (option: string): void => {
    writeFileSync(file, `#!/bin/sh\nfor a; do [ "$a" = --${option} ] && exit 1; done\n${real} "$@"\n`, { mode: 0o755 });
  };
  without('no-new-privs');
  assert.deepEqual(await launchPrefixes(path), {
    confined: [file, '--pdeathsig', 'KILL', '--'],
    free: [file, '--pdeathsig', 'KILL', '--'],
  });
  // As Busybox.
  without('pdeathsig');
  assert.deepEqual(await launchPrefixes(path), { confined: [file, '--no-new-privs', '--'], free: [] });
  rmSync(file);
  assert.deepEqual(await launchPrefixes(path), { confined: [], free: [] });
});

test('a relative command is found from the working directory of the child, with its arguments as given', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'run'), `#!/bin/sh\nexec "${process.execPath}" "${FIXTURE}" where "$@"\n`);
  chmodSync(join(path, 'run'), 0o755);
  const args = ['', 'a b', '$HOME', "it's", '--'];
  const witness = await start(t, [], {
    command: { command: './run', args, cwd: path },
    deps: { prefix: (await launchPrefixes()).confined },
  });
  await new Promise((resolve) => witness.once('line', resolve));
  assert.deepEqual(JSON.parse(witness.lines[0] ?? ''), { cwd: path, args });
});

test('only a shell command is read by a shell', async (t) => {
  const witness = await start(t, [], { command: { command: 'echo "$A"', args: ['|', 'cat'], shell: true, env: { A: 'from the shell' } } });
  await witness.untilExit();
  assert.deepEqual(witness.lines, ['from the shell']);
});

test('a signal that aborted before the process existed gives up with its reason', async (t) => {
  const reason = new Error('no longer wanted');
  await assert.rejects(start(t, ['echo'], { signal: AbortSignal.abort(reason) }), reason);
});
