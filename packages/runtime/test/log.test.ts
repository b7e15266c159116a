import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { maskUrls, openLog, silentLog, type LogLevel, type OpenLog } from '../src/index.ts';

async function recording(level: LogLevel = 'info'): Promise<{ log: OpenLog; lines: () => Record<string, unknown>[]; text: () => string }> {
  const written: string[] = [];
  const log = await openLog({
    level,
    format: 'json',
    service: 'causeway-test',
    instance: 'i1',
    destination: { write: (line) => written.push(line) },
  });
  return { log, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>), text: () => written.join('') };
}

test('a line has its fixed fields', async () => {
  const { log, lines } = await recording();
  log.child({ server: 'git' }).info({ reason: 'idle', ms: 12 }, 'session ended');
  const [line] = lines();
  assert.deepEqual(
    { ...line, time: undefined },
    {
      level: 'info',
      time: undefined,
      'service.name': 'causeway-test',
      'service.instance.id': 'i1',
      server: 'git',
      reason: 'idle',
      ms: 12,
      msg: 'session ended',
    },
  );
  assert.match(String(line!['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('no secret is written, at any of the first levels or in a URL', async () => {
  const { log, text, lines } = await recording('trace');
  log.info(
    {
      authorization: 'S3CRET',
      headers: { authorization: 'S3CRET', cookie: 'S3CRET', 'set-cookie': 'S3CRET', 'x-api-key': 'S3CRET' },
      server: 'a',
    },
    'x',
  );
  log.info(
    { req: { headers: { authorization: 'S3CRET' } }, definition: { env: { KEY: 'S3CRET' } }, url: 'nats://user:S3CRET@host:4222' },
    'x',
  );
  log
    .child({ authorization: 'S3CRET' })
    .warn({ err: new Error('cannot reach https://u:S3CRET@h/p?key=S3CRET', { cause: new Error('nats://S3CRET@h') }) }, 'x');
  assert(!text().includes('S3CRET'), text());
  assert.equal(lines().length, 3);
});

test('a session is named by 8 characters, in full at debug', async () => {
  const info = await recording('info');
  info.log.child({ session: 'abcdefghijklmnopqrstuv' }).info('x');
  info.log.info({ session: 'abcdefghijklmnopqrstuv' }, 'x');
  assert.deepEqual(
    info.lines().map((line) => line['session']),
    ['abcdefgh', 'abcdefgh'],
  );
  const debug = await recording('debug');
  debug.log.info({ session: 'abcdefghijklmnopqrstuv' }, 'x');
  assert.equal(debug.lines()[0]!['session'], 'abcdefghijklmnopqrstuv');
});

test('silent writes nothing and the silent log takes everything', async () => {
  const { log, lines } = await recording('silent');
  log.fatal('x');
  assert.equal(lines().length, 0);
  silentLog()
    .child({ server: 'a' })
    .error({ err: new Error('x') }, 'x');
  assert.equal(silentLog().isLevelEnabled('error'), false);
});

test('maskUrls touches nothing but user info and query', () => {
  assert.equal(maskUrls('see http://127.0.0.1:8000/servers/a/mcp and a@b.c'), 'see http://127.0.0.1:8000/servers/a/mcp and a@b.c');
  assert.equal(maskUrls('nats://a:b@h:1,nats://c@h:2'), 'nats://[redacted]@h:1,nats://[redacted]@h:2');
  assert.equal(maskUrls('"http://u:p@h/a?t=1" <https://h?k=v> ok?'), '"http://[redacted]@h/a?[redacted]" <https://h?[redacted]> ok?');
  assert.equal(maskUrls('at http://h/? or x://'), 'at http://h/? or x://');
  assert.equal(maskUrls('http://us?er:p?w@h/a'), 'http://[redacted]@h/a');
});

test('maskUrls looks at each character a few times, whatever stands there', () => {
  for (const part of ['a.', 'a:', '://', 'a://', '://a@', 'a://b ', 'a?://']) {
    const text = (end: string): string => part.repeat(500_000) + end;
    // By the square of its length one of these would take minutes.
    assert.ok(maskUrls(text(' x://u:p@h')).endsWith(' x://[redacted]@h'), part);
    assert.ok(maskUrls(text('://h')).length > 0, part);
  }
});

const ENDING = `
  const { openLog } = await import(process.argv[1]);
  const log = await openLog({ level: 'info', format: 'json', service: 'test' });
  process.stdin.resume().once('end', async () => {
    log.info('one is being written');
    log.info('the last line');
    await log[Symbol.asyncDispose]();
  });
  log.info('ready');`;

test('the last line is written, and nobody left to read it does not keep the process', { timeout: 10_000 }, async (t) => {
  for (const read of [true, false]) {
    const args = ['--input-type=module', '-e', ENDING, new URL('../src/log.ts', import.meta.url).href];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    await once(child.stdout, 'data');
    if (!read) child.stdout.destroy();
    child.stdin.end();
    assert.deepEqual(await once(child, read ? 'close' : 'exit'), [0, null]);
    assert.equal(text.includes('the last line'), read);
  }
});

const CRASHING = `
  const { openLog } = await import(process.argv[1]);
  const log = await openLog({ level: 'info', format: 'json', service: 'test' });
  process.stdin.resume().once('end', () => {
    log.info('one is being written');
    log.info('more than fits'.repeat(Number(process.argv[2])));
    log.fatal('the last line');
    process.exit(70);
  });
  log.info('ready');`;

for (const reader of ['reads', 'is gone', 'stands still'] as const) {
  test(`a process that ends at once, its reader ${reader}`, { timeout: 10_000 }, async (t) => {
    const more = reader === 'stands still' ? 100_000 : 1;
    const args = ['--input-type=module', '-e', CRASHING, new URL('../src/log.ts', import.meta.url).href, String(more)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    await once(child.stdout, 'data');
    if (reader === 'is gone') child.stdout.destroy();
    if (reader === 'stands still') child.stdout.pause();
    child.stdin.end();
    assert.deepEqual(await once(child, reader === 'reads' ? 'close' : 'exit'), [70, null]);
    assert.equal(text.includes('the last line'), reader === 'reads');
  });
}
