/** Servers that are asked which arguments are repeated in headers, and do not say. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Frame } from '@causeway/protocol';
import type { PooledProcess } from '../../src/pool/pooled-process.ts';
import type { StatelessRequest } from '../../src/stateless/request.ts';
import { ToolHeaders } from '../../src/stateless/tool-headers.ts';
import { server, settle } from '../pool/pool-world.ts';

const CALL = { server: server(), head: { name: 'ask' }, method: 'tools/call', params: { of: new Map() } } as unknown as StatelessRequest;

interface Asked {
  readonly process: PooledProcess;
  times: number;
}

function asked(answer: () => Promise<Frame>): Asked {
  const process = {
    era: 'modern',
    ask: () => {
      one.times += 1;
      return answer();
    },
  } as unknown as PooledProcess;
  const one: Asked = { process, times: 0 };
  return one;
}

const silent = (): Asked => asked(() => new Promise(() => undefined));

/** Whether a call goes on at once; one that waits for the list is let go by the time that passes then. */
async function atOnce(t: TestContext, headers: ToolHeaders, { process }: Asked): Promise<boolean> {
  let over = false;
  const checked = headers.check(CALL, process).then(() => (over = true));
  await settle();
  const waited = !over;
  t.mock.timers.tick(10_000);
  await checked;
  return !waited;
}

test('a process that does not answer is waited for once, not for each of its calls', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const headers = new ToolHeaders();
  const one = silent();
  assert.equal(await atOnce(t, headers, one), false);
  assert.equal(await atOnce(t, headers, one), true);
  assert.equal(one.times, 1);
  assert.equal(await atOnce(t, headers, silent()), false, 'another may answer');
});

test('one that fails otherwise is asked again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const headers = new ToolHeaders();
  const one = asked(() => Promise.reject(new Error('busy')));
  for (let nth = 1; nth <= 2; nth++) {
    assert.equal(await atOnce(t, headers, one), true);
    assert.equal(one.times, nth);
  }
});
