import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const CHURN = `
  const { PerformanceObserver } = require('node:perf_hooks');
  let major = 0;
  new PerformanceObserver((list) => { for (const { detail } of list.getEntries()) if (detail.kind === 4) major += 1; }).observe({ entryTypes: ['gc'] });
  (async () => {
    const { setUpEngine } = await import(process.argv[1]);
    if (process.argv[2] === 'set up') setUpEngine();
    for (let turn = 0; turn < 500; turn++) { Buffer.alloc(1 << 20, turn); await new Promise(setImmediate); }
    console.log(major);
  })();`;

function collections(how: 'set up' | 'plain'): number {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', CHURN, new URL('../src/engine.ts', import.meta.url).href, how], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '', 'this Node knows the flags');
  return Number(stdout);
}

test('half a gigabyte of buffers that come and go does not collect the whole heap as often as V8 would by itself', () => {
  const [plain, setUp] = [collections('plain'), collections('set up')];
  assert.ok(setUp * 2 <= plain, `${setUp} collections of all, ${plain} without`);
});
