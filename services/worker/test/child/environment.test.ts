import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from '../../src/child/environment.ts';
import { start } from './support.ts';

const source = {
  HOME: '/home/a',
  PATH: '/bin',
  USER: 'a',
  LANG: 'C.UTF-8',
  TERM: '() { evil; }',
  SECRET: 's',
  NATS_URL: 'nats://user:password@host',
  CAUSEWAY_KEY: 'k',
  'BASH_FUNC_x%%': '() { evil; }',
  TOKEN: 't',
};
const mark = 'w/s/1@1.2.3;';

test('by default only the base list is passed on, without shell functions', () => {
  assert.deepEqual(
    { ...childEnvironment({ source, configured: {}, mark }) },
    { HOME: '/home/a', PATH: '/bin', USER: 'a', LANG: 'C.UTF-8', CAUSEWAY_CHILD: mark },
  );
});

test('all is passed on when asked for, except our own variables and shell functions', () => {
  const all = childEnvironment({ source, pass: true, configured: {}, mark });
  assert.deepEqual(Object.keys(all).toSorted(), ['CAUSEWAY_CHILD', 'HOME', 'LANG', 'PATH', 'SECRET', 'TOKEN', 'USER']);
});

test('named variables are passed on, except our own', () => {
  const some = childEnvironment({ source, pass: ['TOKEN', 'NATS_URL', 'CAUSEWAY_KEY', 'ABSENT'], configured: {}, mark });
  assert.deepEqual(Object.keys(some).toSorted(), ['CAUSEWAY_CHILD', 'HOME', 'LANG', 'PATH', 'TOKEN', 'USER']);
});

test('configured variables win over inherited ones but never over the mark', () => {
  const made = childEnvironment({ source, configured: { HOME: '/other', ['__proto__']: 'x', CAUSEWAY_CHILD: 'forged' }, mark });
  assert.equal(made['HOME'], '/other');
  assert.equal(made['CAUSEWAY_CHILD'], mark);
});

test('a real child sees exactly its environment', async (t) => {
  const witness = await start(t, ['environment'], { command: { env: { CONFIGURED: 'yes', HOME: '/elsewhere' } }, deps: { mark } });
  await new Promise((resolve) => witness.once('line', resolve));
  const expected: Record<string, string> = { CONFIGURED: 'yes', CAUSEWAY_CHILD: mark };
  for (const name of ['LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'LANG', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) expected[name] = value;
  }
  assert.deepEqual(JSON.parse(witness.lines[0] ?? ''), { ...expected, HOME: '/elsewhere' });
});
