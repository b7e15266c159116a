/**
 * Owns whether a command runs a package of which the version is said: without, what runs can change at any start. Pure.
 * Leaves alone what it cannot judge: files, repositories, lines for a shell.
 */
import { basename } from 'node:path';

/** A package runner's words in front of its options, and how it takes a version. */
const RUNNERS: readonly (readonly [words: readonly string[], kind: 'npm' | 'python'])[] = [
  [['npx'], 'npm'],
  [['bunx'], 'npm'],
  [['pnpx'], 'npm'],
  [['npm', 'exec'], 'npm'],
  [['npm', 'x'], 'npm'],
  [['pnpm', 'dlx'], 'npm'],
  [['yarn', 'dlx'], 'npm'],
  [['bun', 'x'], 'npm'],
  [['uvx'], 'python'],
  [['uv', 'tool', 'run'], 'python'],
  [['pipx', 'run'], 'python'],
];

/** Options of these that name the package. */
const PACKAGE = ['-p', '--package', '--from', '--spec'];
/** Others that take the next word. */
const VALUED = new Set(['--with', '--python', '--index', '--index-url', '--registry', '--cache', '--pip-args', '-c', '--call']);

/** The package as it should have been written, e.g. `mcp-server-git@1.2.3`; `undefined` if the version is said or cannot be judged. */
export function unpinned(command: string, args: readonly string[]): { readonly name: string; readonly better: string } | undefined {
  const line = [basename(command).replace(/\.(?:exe|cmd)$/i, ''), ...args];
  const [words, kind] = RUNNERS.find(([start]) => start.every((word, at) => line[at] === word)) ?? [];
  const spec = words && packageOf(line.slice(words.length));
  if (spec === undefined || !/^(?:@[\w.-]+\/)?[\w.-]+(?:\[[\w,.-]*\])?(?:[@=<>~!].*)?$/.test(spec) || /^[./]/.test(spec)) return undefined;
  const [, name = spec, version = ''] = /^(@?[^@=<>~!]+)(.*)$/.exec(spec) ?? [];
  if (/^(?:@|={2,3})\d+(?:\.\d+)*[\w.+-]*$/.test(version) && (kind === 'python' || /^@\d+\.\d+\.\d+/.test(version))) return undefined;
  return { name: spec, better: `${name}@1.2.3` };
}

function packageOf(words: readonly string[]): string | undefined {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    const [option, value] = word.split('=', 2) as [string, string | undefined];
    if (PACKAGE.includes(option) && word.startsWith('-')) return option === word ? words[at + 1] : value;
    if (VALUED.has(word)) at += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}
