/** Where no engine answers that is found out, and said, and does not look like a stack that was tested. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { reason } from './engine.ts';

it('an engine that does not answer, or is not there, is a reason to skip the stack, in words', async () => {
  const there = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  assert.match((await reason(there)) ?? 'none', /^no container engine with compose answers \(.+\)$/);
  assert.match((await reason({ PATH: '/nowhere' })) ?? 'none', /^no container engine with compose answers \(.*ENOENT.*\)$/);
});
