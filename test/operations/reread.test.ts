/**
 * SIGHUP: the configuration is read again. What is started otherwise from then on, what goes on as it began, and what
 * a file that cannot be used does: nothing.
 */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster } from '../harness/cluster.ts';
import { hostile, launch, openCauseway, type Causeway, type LogLine, type ServerSpec } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers, type Hello, type Message } from '../harness/speak.ts';
import { ask, call, headersOf, request } from '../harness/stateless.ts';
import { until, within } from '../harness/within.ts';

type Servers = Readonly<Record<string, ServerSpec>>;

const DONE = 'configuration read again';
const REFUSED = 'configuration cannot be used, the one before stays';

/** A child whose definition can be told from another's. */
const marked = ({ env }: Lifeline, mark: string, settings: Readonly<Record<string, unknown>> = {}): ServerSpec =>
  hostile({ ...env, DEFINED: mark }, { era: 'legacy', ...settings });

const definedIn = (message: Message | undefined): string => (JSON.parse(textOf(message)!) as { DEFINED: string }).DEFINED;
const definition = async (url: string, headers: Headers): Promise<string> =>
  definedIn((await post(url, toolCall('env', 'env'), headers)).messages.at(-1));
const definitionAlone = async (url: string): Promise<string> => definedIn((await ask(url, call(1, 'env'))).messages.at(-1));

/** Edges know of a server a moment after its worker does. */
const helloOnce = (url: string): Promise<Hello> =>
  until(10_000, 'the edge to know', () =>
    hello(url).catch((error: Error) => (/404.*server\.unknown/.test(error.message) ? undefined : Promise.reject(error))),
  );

/** Writes the file, has it read, and resolves with what is said of it. */
async function reread(one: Causeway, servers: Servers, config: Readonly<Record<string, unknown>> = {}, msg = DONE): Promise<LogLine> {
  await one.write({ servers, config });
  return hangUp(one, msg);
}

async function hangUp(one: Causeway, msg: string): Promise<LogLine> {
  const before = one.logs.items.length;
  one.kill('SIGHUP');
  return one.logs.next(msg, (line) => line.msg === msg && one.logs.items.indexOf(line) >= before, 10_000);
}

describe('a configuration that is read again', { concurrency: 2 }, () => {
  it('what is changed, added and removed is so for whoever comes now; sessions, streams and calls go on as they began', async () => {
    await using life = await openLifeline();
    await using bridge = await openCauseway('run', {
      servers: { same: marked(life, 'a'), other: marked(life, 'a'), gone: marked(life, 'a', { default: true }) },
    });
    const names = ['same', 'other', 'gone'];
    const opened = await Promise.all(names.map((name) => hello(bridge.url(name))));
    const [, other, gone] = opened.map(({ headers }) => headers) as [Headers, Headers, Headers];
    const rooted = (await hello(`${bridge.base}/mcp`)).headers;
    const alone = Number(JSON.parse(textOf((await ask(bridge.url('other'), call(1, 'pid'))).messages.at(-1))!).pid);
    await using stream = await openStream(bridge.url('gone'), { headers: gone });
    await using running = await openCall(bridge.url('other'), toolCall('slow', 'sleep', { ms: 1_500, text: 'slept' }), other);

    const died = life.died(alone, 8_000);
    const said = await reread(bridge, { same: marked(life, 'a'), other: marked(life, 'b'), fresh: marked(life, 'c', { default: true }) });
    assert.deepEqual([said['added'], said['changed'], said['removed']], [['fresh'], ['other'], ['gone']]);

    assert.equal(textOf(await running.message('the answer', ({ id }) => id === 'slow')), 'slept');
    const told = await Promise.all(names.map((name, nth) => definition(bridge.url(name), opened[nth]!.headers)));
    assert.deepEqual(told, ['a', 'a', 'a']);
    assert.equal(await definition(`${bridge.base}/mcp`, rooted), 'a', 'it was the default when it was opened');
    await post(bridge.url('gone'), toolCall(1, 'notify'), gone);
    await stream.message('a word on the old stream', ({ method }) => method === 'notifications/tools/list_changed');

    const now = async (url: string): Promise<string> => definition(url, (await helloOnce(url)).headers);
    assert.deepEqual([await now(bridge.url('same')), await now(bridge.url('other')), await now(bridge.url('fresh'))], ['a', 'b', 'c']);
    assert.equal(await now(`${bridge.base}/mcp`), 'c', 'the default of now');
    await died;
    assert.equal(await definitionAlone(bridge.url('other')), 'b');
    assertRefused(await ask(bridge.url('gone'), call(1, 'env')), { status: 404, code: -32000, reason: 'server.unknown' });
    await assert.rejects(hello(bridge.url('gone')), /404.*server\.unknown/);
    const list = (await (await fetch(bridge.base)).json()) as { servers: object };
    assert.deepEqual(Object.keys(list.servers).toSorted(), ['fresh', 'other', 'same']);
    assert.equal((await fetch(bridge.url('gone'), { method: 'DELETE', headers: gone })).status, 200);

    const back = await reread(bridge, { same: marked(life, 'a'), other: marked(life, 'b'), gone: marked(life, 'd') });
    assert.deepEqual([back['added'], back['changed'], back['removed']], [['gone'], [], ['fresh']]);
    assert.equal(await now(bridge.url('gone')), 'd');
  });

  it('a file that cannot be used is said with its place, once, and changes nothing', async () => {
    await using life = await openLifeline();
    await using bridge = await openCauseway('run', { servers: { one: marked(life, 'a') } });
    const { headers } = await hello(bridge.url('one'));
    const broken = '{\n  "servers": { "one": { "command": "node", "idel": "5m" } }\n}\n';
    for (const [text, fault] of [
      [broken, /causeway\.json:2:\d+ {2}servers\.one\.idel: /],
      ['{\n  "servers": {', /causeway\.json:2:\d+ /],
      ['{ "servers": {} }', /causeway\.json {2}servers: there is none to run/],
    ] as const) {
      await writeFile(bridge.file, text);
      const { level, faults } = await hangUp(bridge, REFUSED);
      assert.equal(level, 'error');
      assert.match(String((faults as string[])[0]), fault);
    }
    await rm(bridge.file);
    assert.match(String(((await hangUp(bridge, REFUSED))['faults'] as string[])[0]), /causeway\.json {2}no such file/);
    assert.equal(await definition(bridge.url('one'), headers), 'a');
    const later = await hello(bridge.url('one'));
    assert.equal(await definition(bridge.url('one'), later.headers), 'a');
    await reread(bridge, { one: marked(life, 'b') });
    assert.equal(await definition(bridge.url('one'), (await hello(bridge.url('one'))).headers), 'b');
  });

  it('what changes with a restart only is named, and left; a command that is not there or does not start is told', async () => {
    await using life = await openLifeline();
    await using bridge = await openCauseway('run', { servers: { one: marked(life, 'a') } });
    const absent = { command: '/nowhere/at-all', env: life.env };
    const failing = hostile({ ...life.env, CRASH_AT_START: '3' });
    await reread(bridge, { one: marked(life, 'a'), absent, failing }, { http: { maxBody: '1MiB' }, streams: { heartbeat: '7s' } });
    const left = bridge.logs.items.find(({ msg }) => msg === 'settings that change with a restart only stay as they were');
    assert.deepEqual([left?.level, left?.['settings']], ['warn', ['http.maxBody', 'streams.heartbeat']]);
    const warned = (server: string) =>
      bridge.logs.next(server, (line) => line.msg === 'server cannot be started' && line['server'] === server, 10_000);
    assert.deepEqual((await warned('absent')).level, 'warn');
    assert.match(String((await warned('failing'))['why']), /exited with code 3/);
  });

  it('limits hold as they are now; sessions beyond a lower one go on', async () => {
    await using life = await openLifeline();
    const servers = { one: marked(life, 'a') };
    const limits = (sessions: number, callsPerSession = 64) => ({ limits: { sessions, callsPerSession } });
    await using bridge = await openCauseway('run', { servers, config: limits(1), args: ['--no-probe'] });
    const url = bridge.url('one');
    const opened = [(await hello(url)).headers];
    await assert.rejects(hello(url), /503.*limit\.total/);
    await reread(bridge, servers, limits(2));
    opened.push((await hello(url)).headers);
    await assert.rejects(hello(url), /503.*limit\.total/);
    await reread(bridge, servers, limits(1, 1));
    for (const headers of opened) assert.equal(await definition(url, headers), 'a');
    await assert.rejects(hello(url), /503.*limit\.total/);
    await using running = await openCall(url, toolCall('slow', 'sleep', { ms: 1_000, text: 'slept' }), opened[0]);
    assertRefused(await post(url, toolCall(2, 'echo'), opened[0]), { status: 429, code: -31429, reason: 'limit.calls' });
    assert.equal(textOf(await running.message('the answer', ({ id }) => id === 'slow')), 'slept');
    assert.equal(bridge.logs.items.filter(({ level }) => level === 'warn').length, 0, 'nothing needs a restart');
  });

  it('a server that was paused for its failures is started at once when it is mended', async () => {
    await using life = await openLifeline();
    await using bridge = await openCauseway('run', {
      servers: { fine: marked(life, 'a'), one: hostile({ ...life.env, CRASH_AT_START: '3' }, { era: 'legacy' }) },
    });
    for (let nth = 0; nth < 8; nth += 1) await assert.rejects(hello(bridge.url('one')));
    await assert.rejects(hello(bridge.url('one')), /server\.crash_loop/);
    await reread(bridge, { fine: marked(life, 'a'), one: marked(life, 'b') });
    assert.equal(await definition(bridge.url('one'), (await hello(bridge.url('one'))).headers), 'b');
  });

  it('spares are of the definition that is in force, and only those of another are replaced', async () => {
    await using life = await openLifeline();
    const warm = { warm: 1 };
    await using bridge = await openCauseway('run', {
      servers: { same: marked(life, 'a', warm), other: marked(life, 'a', warm) },
      args: ['--no-probe'],
    });
    await life.holders(2);
    const before = new Set(life.alive);
    await reread(bridge, { same: marked(life, 'a', { ...warm, path: '/same' }), other: marked(life, 'b', warm) });
    await until(10_000, 'one of them replaced', () =>
      Promise.resolve([...life.alive].filter((pid) => !before.has(pid)).length === 1 || undefined),
    );
    await until(10_000, 'the old one gone', () => Promise.resolve(life.alive.size === 2 || undefined));
    const { headers } = await hello(bridge.url('other'));
    assert.equal(await definition(bridge.url('other'), headers), 'b');
    const same = await hello(`${bridge.base}/same/mcp`);
    const pid = (await post(bridge.url('same'), toolCall(1, 'pid'), same.headers)).messages.at(-1);
    assert.ok(before.has((JSON.parse(textOf(pid)!) as { pid: number }).pid), 'where it is served is nothing to its children');
  });

  it('a subscription to a server that is started otherwise ends properly, and its client hears of the new one', async () => {
    await using life = await openLifeline();
    await using bridge = await openCauseway('run', { servers: { one: marked(life, 'a') } });
    const listen = request('s', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await using stream = await openCall(bridge.url('one'), listen, headersOf(listen));
    await stream.message('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged');
    await reread(bridge, { one: marked(life, 'b') });
    const { result } = await stream.message('its end', ({ id }) => id === 's');
    assert.equal(result?.['resultType'], 'complete');
    await stream.ended;
    assert.equal(await definitionAlone(bridge.url('one')), 'b');
  });

  it('workers of a cluster are told one by one; edges offer what any of them has, and open sessions survive', async () => {
    await using life = await openLifeline();
    const before = { one: marked(life, 'a'), gone: marked(life, 'a') };
    await using cluster = await openBridgeCluster({ servers: before, edges: 2, workers: 2, nats: 1 });
    const opened = await Promise.all([0, 1, 2, 3].map((nth) => hello(cluster.url('one', nth))));
    const old = (await hello(cluster.url('gone'))).headers;
    const after = { one: marked(life, 'b'), fresh: marked(life, 'c') };
    await reread(cluster.edges[0]!, after, { http: { maxBody: '1MiB' }, limits: { sessions: 100 } });
    const left = cluster.edges[0]!.logs.items.find(({ settings }) => settings !== undefined);
    assert.deepEqual(left?.['settings'], ['http.maxBody'], 'of an edge nothing changes, and it goes on');
    await reread(cluster.workers[0]!, after);
    await hello(cluster.url('gone', 1)).then(({ headers }) => fetch(cluster.url('gone', 1), { method: 'DELETE', headers }));
    await reread(cluster.workers[1]!, after);
    for (const edge of [0, 1]) {
      await until(10_000, 'the edge to know', () =>
        hello(cluster.url('gone', edge)).then(
          ({ headers }) => void fetch(cluster.url('gone', edge), { method: 'DELETE', headers }),
          (error: Error) => /404.*server\.unknown/.test(error.message) || undefined,
        ),
      );
      const { headers } = await helloOnce(cluster.url('fresh', edge));
      assert.equal(await definition(cluster.url('fresh', edge), headers), 'c');
      assert.equal(await definition(cluster.url('one', edge), (await hello(cluster.url('one', edge))).headers), 'b');
      assert.equal(await definition(cluster.url('gone', edge), old), 'a');
      for (const one of opened) assert.equal(await definition(cluster.url('one', edge), one.headers), 'a');
    }
  });

  it('an API key that is gone counts no more: its streams end, its calls are answered, other clients go on', async () => {
    const servers = { one: hostile() };
    const keyed = (...ids: readonly string[]): Readonly<Record<string, unknown>> => ({
      auth: { apiKeys: ids.map((id) => ({ id, key: `key-of-${id}` })) },
    });
    const key = (id: string): Headers => ({ 'x-api-key': `key-of-${id}` });
    await using bridge = await openCauseway('run', { servers, config: keyed('ann', 'bob') });
    const url = bridge.url('one');
    const [ann, bob] = [await hello(url, '2025-11-25', key('ann')), await hello(url, '2025-11-25', key('bob'))];
    await using lost = await openStream(url, { headers: ann.headers });
    await using legacy = await openStream(bridge.url('one', 'sse'), { headers: key('ann') });
    await using kept = await openStream(url, { headers: bob.headers });
    const running = post(url, toolCall(1, 'sleep', { ms: 1_500 }), ann.headers);

    await reread(bridge, servers, keyed('bob', 'eve'));
    await within(5_000, 'the end of its streams', Promise.all([lost.ended, legacy.ended]));
    assert.equal(textOf((await running).messages.at(-1)), 'slept');
    assert.equal((await post(url, toolCall(2, 'pid'), ann.headers)).status, 401);
    await hello(url, '2025-11-25', key('eve'));
    await post(url, toolCall(3, 'notify'), bob.headers);
    await kept.message('a word on the stream of the other', ({ method }) => method === 'notifications/tools/list_changed');
    const { before, now } = bridge.logs.items.find(({ msg }) => msg === 'api keys renewed')!;
    assert.deepEqual(
      [before, now],
      [
        ['ann', 'bob'],
        ['bob', 'eve'],
      ],
    );
    assert.doesNotMatch(bridge.stdout(), /key-of/);

    await reread(bridge, servers);
    assert.equal((await post(url, toolCall(4, 'pid'))).status, 401, 'nobody opens a bridge by leaving a line out');
    assert.deepEqual(bridge.logs.items.findLast(({ settings }) => settings !== undefined)?.['settings'], ['auth.apiKeys']);
  });

  it('without a file it ends the bridge, as before', async () => {
    await using bare = launch(['run', '--port', '0', '--no-probe', '--', process.execPath, '-e', 'process.stdin.resume()']);
    await bare.logs.next('listening', ({ msg }) => msg === 'listening', 20_000);
    bare.kill('SIGHUP');
    assert.equal((await within(10_000, 'the end', bare.exited)).code, 0);
  });
});
