/** Owns how the tests load a configuration: out of the fixtures, or out of a folder of their own. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ConfigError, loadConfig, type Loaded, type LoadInput } from '../src/index.ts';

export const FIXTURES = join(import.meta.dirname, 'fixtures');
export const load = (input: Partial<LoadInput> = {}): Loaded => loadConfig({ env: { HOME: '/home/u' }, cwd: FIXTURES, ...input });

/** The lines of the error that loading ends with. */
export function faultsOf(input: Partial<LoadInput>): string[] {
  try {
    load(input);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.message.split('\n');
  }
  assert.fail('it should not load');
}

/** A directory with these files, for the time of a test. */
export function folder(context: TestContext, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-config-'));
  context.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}
