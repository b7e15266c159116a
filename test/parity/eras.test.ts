/**
 * The official clients of both generations, in every mode, in front of servers of each era: each hears what the client
 * of the server's own era hears over direct stdio, questions to the client included.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { assertSame, hear, type Heard, type Playable } from './play.ts';
import { overNext, overNextStdio, overSse, overStdio, overStreamable, type Ask, type Speaker } from './speakers.ts';

const call = (name: string, args: Readonly<Record<string, unknown>> = {}): Ask => ({
  method: 'tools/call',
  params: { name: `test_${name}`, arguments: args },
});
const read = (uri: string): Ask => ({ method: 'resources/read', params: { uri } });
const prompt = (name: string, args?: Readonly<Record<string, string>>): Ask => ({
  method: 'prompts/get',
  params: { name: `test_${name}`, ...(args === undefined ? {} : { arguments: args }) },
});

const SCRIPT: readonly Ask[] = [
  { method: 'ping' },
  { method: 'tools/list' },
  { method: 'prompts/list' },
  { method: 'resources/list' },
  { method: 'resources/templates/list' },
  ...['simple_text', 'image_content', 'audio_content', 'embedded_resource', 'multiple_content_types', 'error_handling'].map((name) =>
    call(name),
  ),
  { ...call('tool_with_progress'), progress: true },
  call('x_mcp_header', { note: 'n' }),
  call('no_such_tool'),
  call('sampling', { prompt: 'p' }),
  call('elicitation', { message: 'm' }),
  ...['elicitation_sep1034_defaults', 'elicitation_sep1330_enums', 'missing_capability'].map((name) => call(name)),
  ...['elicitation', 'sampling', 'list_roots', 'request_state', 'tampered_state', 'multiple_inputs', 'multi_round', 'capabilities'].map(
    (name) => call(`input_required_result_${name}`),
  ),
  read('test://static-text'),
  read('test://static-binary'),
  read('test://template/ĝ 1/data'),
  read('test://no/such'),
  prompt('simple_prompt'),
  prompt('prompt_with_arguments', { arg1: 'a', arg2: 'b' }),
  prompt('prompt_with_embedded_resource', { resourceUri: 'test://x' }),
  prompt('prompt_with_image'),
  prompt('input_required_result_prompt'),
  prompt('no_such_prompt'),
  {
    method: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'par' } },
  },
  { method: 'resources/subscribe', params: { uri: 'test://watched-resource' } },
  { method: 'resources/unsubscribe', params: { uri: 'test://watched-resource' } },
  { method: 'logging/setLevel', params: { level: 'warning' } },
  { method: 'no/such/method', params: { deep: [{ a: null }] }, eras: 'differ' },
];

const SERVERS = {
  'stdio-2025': { spec: stdio2025(), direct: overStdio },
  'stdio-2026': { spec: stdio2026(), direct: overNextStdio },
  'stdio-dual': { spec: stdio2026('dual'), direct: overNextStdio },
};

for (const [name, { spec, direct }] of Object.entries(SERVERS)) {
  describe(name, () => {
    const stack = new AsyncDisposableStack();
    // One tool answers with the token that it was given, and the 2.x client knows -32002 as -32602 only.
    const settle = (text: string) => text.replaceAll(/"text":"\d+"/g, '"text":"TOKEN"').replaceAll('"code":-32002', '"code":-32602');
    const play: Playable = { name, script: SCRIPT, reset: async () => {}, settle };
    let bridge: Causeway;
    let truth: Heard;

    before(async () => {
      bridge = stack.use(await openCauseway('run', { servers: { [name]: spec } }));
      truth = await hear(play, () => direct(spec.command, spec.args ?? []));
    });
    after(() => stack.disposeAsync());

    const clients: readonly (readonly [string, boolean, () => Promise<Speaker>])[] = [
      ['1.x over Streamable HTTP', false, () => overStreamable(bridge.url(name))],
      ['1.x over HTTP+SSE', false, () => overSse(bridge.url(name, 'sse'))],
      ['2.x by default', false, () => overNext(bridge.url(name))],
      ['2.x that asks', true, () => overNext(bridge.url(name), undefined, 'auto')],
      ['2.x of 2026-07-28', true, () => overNext(bridge.url(name), undefined, '2026-07-28')],
    ];
    for (const [client, modern, open] of clients) {
      it(client, async () => {
        const heard = await hear(play, open);
        assert.equal(heard.modern, modern);
        assertSame(play, heard, truth);
      });
    }
  });
}
