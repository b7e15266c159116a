/**
 * Owns noticing that a file has become another, by whichever way that is done: written over, renamed over, or reached by a
 * symbolic link that now leads elsewhere, as certbot and Kubernetes do. It looks at nothing between: the system tells.
 *
 * Invariants: watched are the directories that decide what the names mean, and again after each change, since the way may be
 * another then; who is told of a change is told after it was made, and once for what belongs together; a watch does not keep a
 * process alive.
 */
import { lstatSync, readlinkSync, watch, type FSWatcher } from 'node:fs';
import { basename, join, parse, resolve, sep } from 'node:path';
import type { Wheel } from './clock.ts';

/** Milliseconds from the first sign of a change: a certificate and its key are written one after the other. */
const SETTLE = 500;
/** As the kernel has them. */
const MOST_LINKS = 40;

export interface WatchOptions {
  readonly wheel: Wheel;
  readonly changed: () => void;
  /** A directory cannot be watched. */
  readonly failed: (directory: string, error: NodeJS.ErrnoException) => void;
}

export function watchFiles(files: readonly string[], options: WatchOptions): Disposable {
  return new FileWatch(files, options);
}

class FileWatch implements Disposable {
  readonly #files: readonly string[];
  readonly #options: WatchOptions;
  #watchers: FSWatcher[] = [];
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(files: readonly string[], options: WatchOptions) {
    this.#files = files;
    this.#options = options;
    this.#begin();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancel?.();
    this.#end();
  }

  #begin(): void {
    const names = new Map<string, Set<string>>();
    for (const file of this.#files) for (const [directory, name] of wayTo(resolve(file))) setOf(names, directory).add(name);
    for (const [directory, wanted] of names) {
      try {
        const watcher = watch(directory, { persistent: false }, (_event, name) => {
          // A directory that is moved or removed itself is told under its own name.
          if (name === null || wanted.has(name) || name === basename(directory)) this.#notice();
        });
        watcher.on('error', () => this.#notice());
        this.#watchers.push(watcher);
      } catch (error) {
        this.#options.failed(directory, error as NodeJS.ErrnoException);
      }
    }
  }

  #end(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #notice(): void {
    if (this.#closed) return;
    this.#cancel ??= this.#options.wheel.after(SETTLE, () => {
      this.#cancel = undefined;
      // Before the files are read: what changes meanwhile is told then.
      this.#end();
      this.#begin();
      this.#options.changed();
    });
  }
}

function setOf(names: Map<string, Set<string>>, directory: string): Set<string> {
  const known = names.get(directory) ?? new Set();
  names.set(directory, known);
  return known;
}

/**
 * What decides where a path leads: each link on the way in its directory, the file in its own; where the way breaks off, the
 * name that is missing.
 */
export function wayTo(file: string): readonly (readonly [directory: string, name: string])[] {
  const way: [string, string][] = [];
  let { root: at } = parse(file);
  let rest = partsOf(file);
  let links = 0;
  while (rest.length > 0) {
    const [name, ...others] = rest as [string, ...string[]];
    const found = entryAt(join(at, name));
    if (found !== 'there' || others.length === 0) way.push([at, name]);
    if (found === 'missing' || links === MOST_LINKS) break;
    if (found !== 'there') {
      links += 1;
      const target = resolve(at, found.leadsTo);
      at = parse(target).root;
      rest = [...partsOf(target), ...others];
    } else {
      at = join(at, name);
      rest = others;
    }
  }
  return way;
}

/** What cannot be looked at counts as missing. */
function entryAt(path: string): 'missing' | 'there' | { readonly leadsTo: string } {
  try {
    return lstatSync(path).isSymbolicLink() ? { leadsTo: readlinkSync(path) } : 'there';
  } catch {
    return 'missing';
  }
}

function partsOf(path: string): string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((part) => part !== '');
}
