/** The figures of a process, as Prometheus reads them. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { addProcessFigures, createHealth, createMetrics, Durations, openDiagnostics, silentLog } from '../src/index.ts';

describe('metrics', () => {
  it('have names of OpenTelemetry with units and kinds in words, and are read anew at every question', async () => {
    const metrics = createMetrics();
    let bytes = 1;
    metrics.add({ name: 'a.memory.usage', text: 'Of a.', unit: 'By', kind: 'gauge', read: () => [{ value: bytes }] });
    metrics.add({ name: 'a.started', text: 'Starts.', kind: 'total', read: () => [{ value: 7, of: { 'a.server': 'x"y' } }] });
    const first = await metrics.text();
    assert.equal(
      first,
      '# HELP a_memory_usage_bytes Of a.\n# TYPE a_memory_usage_bytes gauge\na_memory_usage_bytes 1\n' +
        '# HELP a_started_total Starts.\n# TYPE a_started_total counter\na_started_total{a_server="x\\"y"} 7\n',
    );
    bytes = 2;
    assert.match(await metrics.text(), /^a_memory_usage_bytes 2$/m);
  });

  it('tell durations in the buckets of the conventions, by server, method and failure', async () => {
    const metrics = createMetrics();
    // It is 0 by its clock: what began at -10 has taken 10 ms.
    const durations = new Durations({ monotonic: () => 0 }, (method) => (method === 'any' ? 'tools/call' : '_other'));
    metrics.add(durations.figure('mcp.server.operation.duration', 'Of requests.'));
    assert.doesNotMatch(await metrics.text(), /_count/, 'nothing was measured');
    for (const ms of [10, 10.1, 400_000]) durations.record('git', 'any', undefined, -ms);
    durations.record('git', 'any', '-32602', -1);
    const lines = (await metrics.text()).split('\n');
    assert.deepEqual(lines.slice(0, 2), [
      '# HELP mcp_server_operation_duration_seconds Of requests.',
      '# TYPE mcp_server_operation_duration_seconds histogram',
    ]);
    const of = 'causeway_server="git",mcp_method_name="tools/call"';
    for (const line of [
      `_bucket{${of},le="0.01"} 1`,
      `_bucket{${of},le="0.02"} 2`,
      `_bucket{${of},le="300"} 2`,
      `_bucket{${of},le="+Inf"} 3`,
      `_count{${of}} 3`,
      `_sum{${of}} 400.0201`,
      `_count{${of},error_type="-32602"} 1`,
    ])
      assert.ok(lines.includes(`mcp_server_operation_duration_seconds${line}`), line);
  });

  it('tell names apart of which one operation has succeeded, so many of each method of each server, and nothing else', async () => {
    const attributeOf = (method: string): string | undefined => (method === 'tools/call' ? 'gen_ai.tool.name' : undefined);
    const names = { most: 2, other: '_other', attributeOf };
    const durations = new Durations({ monotonic: () => 0 }, (method) => method ?? '_other', names);
    assert.ok(durations.named);
    const called = (name: string | undefined, error?: string, server = 'git', method = 'tools/call'): void =>
      durations.record(server, method, error, 0, name);
    for (let nth = 0; nth < 10_000; nth += 1) called(`made up ${nth}`, 'tool_error');
    called('a"b', 'cancelled');
    called('a"b');
    called('a"b', 'tool_error');
    called('second');
    for (let nth = 0; nth < 10_000; nth += 1) called(`third ${nth}`);
    called(undefined);
    called('third 0', undefined, 'other');
    called('of no attribute', undefined, 'git', 'ping');
    const metrics = createMetrics();
    metrics.add(durations.figure('x', ''));
    assert.deepEqual(
      (await metrics.text()).split('\n').filter((line) => line.startsWith('x_seconds_count')),
      [
        'git",mcp_method_name="tools/call",gen_ai_tool_name="_other",error_type="tool_error"} 10000',
        'git",mcp_method_name="tools/call",gen_ai_tool_name="_other",error_type="cancelled"} 1',
        'git",mcp_method_name="tools/call",gen_ai_tool_name="_other"} 10000',
        'git",mcp_method_name="tools/call",gen_ai_tool_name="a\\"b"} 1',
        'git",mcp_method_name="tools/call",gen_ai_tool_name="a\\"b",error_type="tool_error"} 1',
        'git",mcp_method_name="tools/call",gen_ai_tool_name="second"} 1',
        'git",mcp_method_name="tools/call"} 1',
        'git",mcp_method_name="ping"} 1',
        'other",mcp_method_name="tools/call",gen_ai_tool_name="third 0"} 1',
      ].map((rest) => `x_seconds_count{causeway_server="${rest}`),
    );
  });

  it('tell no names where they were not asked for', async () => {
    const durations = new Durations({ monotonic: () => 0 }, (method) => method ?? '_other');
    assert.equal(durations.named, false);
    durations.record('git', 'tools/call', undefined, 0, 'echo');
    const metrics = createMetrics();
    metrics.add(durations.figure('x', ''));
    assert.match(await metrics.text(), /^x_seconds_count\{causeway_server="git",mcp_method_name="tools\/call"\} 1$/m);
  });

  it('a name is used once, and can be given back', async () => {
    const metrics = createMetrics();
    const figure = { name: 'a', text: 't', kind: 'gauge', read: () => [{ value: 1 }] } as const;
    const remove = metrics.add(figure);
    assert.throws(() => metrics.add(figure), /there is a figure "a" already/);
    remove();
    metrics.add(figure);
    assert.match(await metrics.text(), /^a 1$/m);
  });

  it('are answered at /metrics of the diagnostics listener, beside the probes', async () => {
    const metrics = createMetrics();
    addProcessFigures(metrics, { version: '1.2.3', role: 'edge' });
    await using listener = await openDiagnostics({ health: createHealth(), log: silentLog(), metrics }, { host: '127.0.0.1', port: false });
    const get = (path: string): Promise<{ status: number; type: string; text: string }> =>
      new Promise((resolve, reject) => {
        request(new URL(path, listener.url), { agent: false }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode!, type: response.headers['content-type'] ?? '', text }));
        })
          .on('error', reject)
          .end();
      });
    const { status, type, text } = await get('/metrics?x');
    assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    assert.match(text, /^causeway_build_info\{version="1\.2\.3",role="edge"\} 1$/m);
    for (const name of [
      'process_memory_usage_bytes',
      'process_cpu_time_seconds_total',
      'process_uptime_seconds',
      'nodejs_eventloop_utilization_ratio',
    ])
      assert.match(text, new RegExp(`^${name} [\\d.e+-]+$`, 'm'));
    assert.equal((await get('/readyz')).status, 200);
    assert.equal((await get('/')).status, 404);
  });
});
