#!/bin/sh
// 2>/dev/null; exec node -- "$0" "$@"
/**
 * Owns one thing: that the program runs on a Node that is new enough. Plain JavaScript, for Nodes from 18 on.
 *
 * Node takes an `--env-file` for itself wherever it stands, also behind a script, unless `--` stands before the script:
 * then a child's file could load code into this process. So a shell puts it there: line 2 is to the shell a directory
 * that cannot be run, and then Node in its place; to Node it is a comment. (`env -S` would do, but is missing on Alpine.)
 *
 * When the Node that started it is too old, the one that npm put beside it (package `node`) takes over in a child:
 * same terminal, same process group, signals passed on, exit code kept. The child holds a channel to this process
 * and stops when it closes, so that killing this one leaves nothing behind. A terminal delivers Ctrl-C to both, which
 * the child counts as one (packages/runtime, lifecycle).
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

followNpm();

const here = dirname(fileURLToPath(import.meta.url));
// Node strips types from sources, but not below node_modules: there, what was published is run.
const fromSource = existsSync(join(here, '../src/bin.ts')) && !here.includes('node_modules');
// What only Node 24 has is used (explicit resource management), and the build takes nothing but types away (docs/adr/0010).
const FLOOR = [24, 0];

if (enough(process.versions.node)) {
  // What was compiled once is read back at the next start, which halves it.
  module.enableCompileCache();
  const entry = fromSource ? '../src/bin.ts' : '../dist/bin.js';
  const { main } = await import(new URL(entry, import.meta.url).href);
  await main(process.argv.slice(2));
} else {
  const node = findNode();
  if (node === undefined) {
    process.stderr.write(
      `error: causeway needs Node ${FLOOR.join('.')} or newer, and this is ${process.versions.node}. Install it from https://nodejs.org, or run "npm install" here.\n`,
    );
    process.exit(1);
  }
  await relaunch(node);
}

/**
 * `npx` and `npm start` run a program below a shell, which hands on no signal: when npm is told to stop, or is killed, we
 * would stay, with our port and our children. The system tells nobody that a parent is gone, so shell and npm are looked at,
 * and npm alone where the shell (bash as `sh`) has put us in its own place: whoever started npm may go. Whoever
 * was told to stop together with them (a terminal, `timeout`, systemd) hears of it as `parentGone`: it is no second signal.
 * Who leads a process group was put there by a program that means it to stay; of a script, where there is no /proc to
 * tell, everybody.
 */
function followNpm() {
  const script = process.env.npm_lifecycle_event;
  const [, group] = statOf(process.pid);
  if (script === undefined || group === String(process.pid) || (group === undefined && script !== 'npx')) return;
  const inShell = isShell(process.ppid);
  const above = () => [process.ppid, inShell && statOf(process.ppid)[0]].join();
  const before = above();
  const look = setInterval(() => {
    if (above() === before) return;
    clearInterval(look);
    if (!process.emit('parentGone')) process.kill(process.pid, 'SIGTERM');
  }, 500);
  look.unref();
}

/** Its parent and its process group, where the system has /proc; elsewhere nothing. */
function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 4).split(' ');
  } catch {
    return [];
  }
}

/** Whether it runs one command for somebody: `sh -c COMMAND`. */
function isShell(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] === '-c';
  } catch {
    return false;
  }
}

function enough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1]);
}

function findNode() {
  for (let folder = here; ; folder = dirname(folder)) {
    const home = join(folder, 'node_modules/node');
    const binary = join(home, 'bin/node');
    if (existsSync(binary) && enough(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version)) return binary;
    if (folder === dirname(folder)) return undefined;
  }
}

async function relaunch(node) {
  const { spawn } = await import('node:child_process');
  const child = spawn(node, ['--', fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  let told = false;
  const tell = (signal) => {
    told = true;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, () => tell(signal));
  process.on('parentGone', () => told || tell('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`error: cannot start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
