import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const CHURN = `
  const { PerformanceObserver } = require('node:perf_hooks');
  let major = 0;
  new PerformanceObserver((list) => { for (const { detail } of list.getEntries()) if (detail.kind === 4) major += 1; }).observe({ entryTypes: ['gc'] });
  (async () => {
    const { weighHeap } = await import(process.argv[1]);
    if (process.argv[2] === 'weighed') weighHeap();
    for (let turn = 0; turn < 500; turn++) { Buffer.alloc(1 << 20, turn); await new Promise(setImmediate); }
    console.log(major);
  })();`;

function collections(how: 'weighed' | 'plain'): number {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', CHURN, new URL('../src/heap.ts', import.meta.url).href, how], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '', 'this Node knows the flag');
  return Number(stdout);
}

test('half a gigabyte of buffers that come and go does not collect the whole heap as often as V8 would by itself', () => {
  const [plain, weighed] = [collections('plain'), collections('weighed')];
  assert.ok(weighed * 2 <= plain, `${weighed} collections of all, ${plain} without`);
});
