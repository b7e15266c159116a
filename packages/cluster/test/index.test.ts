import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

describe('the embedded default', () => {
  it('starts without loading the NATS client', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { openMemoryCluster } from '@causeway/cluster';
      await using cluster = await openMemoryCluster();
      console.log(Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('@nats-io')).length);
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname });
    assert.equal(stdout.trim(), '0');
  });
});
