import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ServerConfig } from '@causeway/config';
import { CHILD_LIMITS } from '../../src/child/child.ts';
import { scrubOf } from '../../src/child/secrets.ts';
import { startChild } from '../../src/child/start.ts';
import { probe } from '../../src/probe.ts';
import { MemoryLog, start } from './support.ts';

const scrubWith = (env: Readonly<Record<string, string>>, passEnvironment: boolean | readonly string[] = false, source = {}) =>
  scrubOf({ env, passEnvironment }, source);

test('what a child prints of its secrets is in no log and in no last words', async (t) => {
  const env = { API_TOKEN: 'CANARY-token', DATABASE: 'postgres://bot:CANARY-pass@db/x', MODE: 'production' };
  const script = `
    const { API_TOKEN, DATABASE, MODE } = process.env;
    console.error('token ' + API_TOKEN + ' for ' + DATABASE + ' in ' + MODE);
    console.error('password CANARY-pass');
    console.error('x'.repeat(4090) + API_TOKEN);
    process.stdin.once('data', () => process.exit(3));`;
  const witness = await start(t, [], { command: { args: ['-e', script], env }, limits: { ...CHILD_LIMITS, noiseTotal: 9 } });
  await witness.log.until(({ facts }) => String(facts['line']).includes('xxx'));
  witness.child.noise(Buffer.from(`config: {"token":"CANARY-token"} ${'y'.repeat(160)}CANARY-token`));
  assert.doesNotMatch(witness.child.lastWords().join('\n'), /CANA/);
  witness.child.write(Buffer.from('{}'));
  const { stderr } = await witness.untilExit();
  assert.doesNotMatch(stderr.join('\n'), /CANA/);
  assert(!JSON.stringify(witness.log.records).includes('CANA'));
  const lines = witness.log.records.map(({ facts }) => facts['line']);
  assert(lines.includes('token [redacted] for [redacted] in production'), JSON.stringify(lines));
  assert(lines.includes('password [redacted]'));
  assert(lines.some((line) => String(line).startsWith('config: {"token":"[redacted]"} yyy')));
});

test('the first stray line that a probe tells shows no secret', async () => {
  const server = {
    command: process.execPath,
    args: [
      '-e',
      `console.log('starting with ' + process.env.KEY); process.stdin.on('data', () => console.log('{"jsonrpc":"2.0","id":1,"result":{}}'))`,
    ],
    env: { KEY: 'CANARY-key' },
    passEnvironment: false,
    startTimeout: 20_000,
  } as unknown as ServerConfig;
  const stray = await probe(server, (listeners) => startChild({ log: new MemoryLog(), mark: 'w/s/1@1.2.3;' }, server, listeners));
  assert.equal(stray, 'starting with [redacted]');
});

test('a value is a secret by the name of its variable, or by user info in a URL; short ones are none', () => {
  const names = ['API_KEY', 'githubToken', 'CLIENT_SECRET', 'PGPASSWORD', 'DB_PASS', 'MYSQL_PWD', 'AUTHORIZATION', 'GOOGLE_CREDENTIALS'];
  for (const name of [...names, 'PRIVATE_PEM', 'SENTRY_DSN', 'COOKIE', 'my_session', 'passwd']) {
    assert.equal(scrubWith({ [name]: 'abcdef' })('an abcdef'), 'an [redacted]', name);
    assert.equal(scrubWith({ [name]: 'abcde' })('an abcde'), 'an abcde', name);
  }
  for (const name of ['NODE_ENV', 'DEBUG', 'DATA_DIR', 'GIT_AUTHOR_NAME', 'PWD', 'OLDPWD', 'URL'])
    assert.equal(scrubWith({ [name]: 'production' })('in production'), 'in production', name);
  const url = scrubWith({ REDIS: 'redis://:p%40ssword@host:1/0', PROXY: 'http://only-user@host', HOME_PAGE: 'https://host/a@b' });
  assert.equal(url('redis://:p%40ssword@host:1/0, p@ssword, p%40ssword, only-user'), '[redacted], [redacted], [redacted], [redacted]');
  assert.equal(url('https://host/a@b'), 'https://host/a@b');
});

test('variables of ours that are passed on by name count, those that are passed on with all others do not', () => {
  const source = { DEPLOY_TOKEN: 'abcdef', DESKTOP_SESSION: 'ubuntu' };
  assert.equal(scrubWith({}, ['DEPLOY_TOKEN', 'ABSENT_KEY'], source)('abcdef'), '[redacted]');
  assert.equal(scrubWith({}, true, source)('/home/ubuntu'), '/home/ubuntu');
});

test('of two secrets of which one begins the other the longer one goes whole', () => {
  assert.equal(scrubWith({ A_KEY: 'abcdef', B_KEY: 'abcdefghij' })('abcdefghij abcdef'), '[redacted] [redacted]');
});

test('a secret of several lines is hidden line by line, a very long one in pieces, and there is a bound to all', () => {
  const pem = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQ'.repeat(10)}\n-----END PRIVATE KEY-----`;
  const scrub = scrubWith({ KEY: pem });
  assert.deepEqual(
    pem.split('\n').map((line) => scrub(line)),
    ['[redacted]', '[redacted]', '[redacted]'],
  );
  const long = Array.from({ length: 500 }, (_, n) => `part${n}`).join('.');
  assert.equal(scrubWith({ KEY: long })(`<${long}>`), '<[redacted]>');
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`KEY_${n}`, `value-${n}.`]));
  const hidden = Object.values(many).filter((value) => scrubWith(many)(value) === '[redacted]');
  assert.equal(hidden.length, 64);
});

test('where a text was cut no piece of a secret longer than three characters is left at the cut', () => {
  const secret = 'CANARY-token-CANARY';
  const scrub = scrubWith({ TOKEN: secret });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 60 }), (before, at) => {
      const text = `${'x'.repeat(before)}${secret}${'y'.repeat(5)}${secret}`;
      assert.doesNotMatch(scrub(text.slice(0, at), 'end'), /CANA|NARY|oken/);
      assert.doesNotMatch(scrub(text.slice(at), 'start'), /CANA|NARY|oken/);
    }),
  );
});

test('with nothing to hide a text is what it was', () => {
  assert.equal(scrubWith({ NODE_ENV: 'production' })('$& (production) [x]', 'end'), '$& (production) [x]');
  assert.equal(scrubWith({ KEY: '$&(.*)\\' })('a $&(.*)\\ b'), 'a [redacted] b');
});
