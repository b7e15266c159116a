/**
 * Owns what parity asks of four real servers: every method they have, every tool with a good and a bad call,
 * and what they do not have. Each script is the same for all speakers; answers that name a time or the
 * environment are left out or made equal by `settle`.
 */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Playable } from './play.ts';
import type { Ask } from './speakers.ts';

export interface Play extends Playable, AsyncDisposable {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const program = (name: string): string => fileURLToPath(import.meta.resolve(`@modelcontextprotocol/${name}/dist/index.js`));
const call = (name: string, args: Readonly<Record<string, unknown>> = {}, progress = false): Ask => ({
  method: 'tools/call',
  params: { name, arguments: args },
  progress,
});
const nothing = { reset: async () => {}, settle: (text: string) => text, async [Symbol.asyncDispose]() {} };

const common: readonly Ask[] = [
  { method: 'ping' },
  { method: 'tools/list' },
  { method: 'tools/list', params: { cursor: 'no such page' } },
  call('no-such-tool'),
  // In 2026-07-28 it has a status of its own, of which the client makes an error of its own.
  { method: 'no/such/method', params: { deep: [{ a: null }] }, eras: 'differ' },
];

const everything: readonly Ask[] = [
  // It lists what the client can do with it, and towards it the bridge is a client that can do everything but tasks.
  ...common.map((step): Ask => (step.method === 'tools/list' ? { ...step, eras: 'differ' } : step)),
  call('echo', { message: 'h\u00e9llo \u2028 \ud83c\udf09 "quoted" \\ end' }),
  call('echo', {}),
  call('get-sum', { a: 2, b: 40 }),
  call('get-sum', { a: 'two' }),
  call('get-annotated-message', { messageType: 'error', includeImage: true }),
  call('get-tiny-image'),
  call('get-structured-content', { location: 'Chicago' }),
  call('get-resource-links', { count: 3 }),
  call('get-resource-reference', { resourceType: 'Text', resourceId: 1 }),
  // It asks once, after the handshake, when no call is there whose client could answer.
  { ...call('get-roots-list'), eras: 'differ' },
  call('trigger-sampling-request', { prompt: 'say something', maxTokens: 20 }),
  call('trigger-elicitation-request'),
  call('trigger-long-running-operation', { duration: 0.4, steps: 4 }, true),
  { method: 'prompts/list' },
  { method: 'prompts/get', params: { name: 'simple-prompt' } },
  { method: 'prompts/get', params: { name: 'args-prompt', arguments: { city: 'Ghent', state: 'East Flanders' } } },
  { method: 'prompts/get', params: { name: 'args-prompt' } },
  { method: 'prompts/get', params: { name: 'no-such-prompt' } },
  { method: 'resources/list' },
  { method: 'resources/templates/list' },
  { method: 'resources/read', params: { uri: 'demo://resource/dynamic/text/1' } },
  { method: 'resources/read', params: { uri: 'demo://resource/dynamic/blob/2' } },
  { method: 'resources/read', params: { uri: 'demo://no/such' } },
  { method: 'resources/subscribe', params: { uri: 'demo://resource/dynamic/text/1' } },
  { method: 'resources/unsubscribe', params: { uri: 'demo://resource/dynamic/text/1' } },
  {
    method: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'E' } },
  },
  { method: 'logging/setLevel', params: { level: 'warning' } },
];

const memory: readonly Ask[] = [
  ...common,
  call('create_entities', {
    entities: [
      { name: 'Ada', entityType: 'person', observations: ['wrote programs', 'l\u00efved'] },
      { name: 'Engine', entityType: 'machine', observations: [] },
    ],
  }),
  call('create_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'describes' }] }),
  call('add_observations', { observations: [{ entityName: 'Ada', contents: ['counted'] }] }),
  call('add_observations', { observations: [{ entityName: 'Nobody', contents: ['x'] }] }),
  call('read_graph'),
  call('search_nodes', { query: 'machine' }),
  call('open_nodes', { names: ['Ada', 'Nobody'] }),
  call('delete_observations', { deletions: [{ entityName: 'Ada', observations: ['counted'] }] }),
  call('delete_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'describes' }] }),
  call('delete_entities', { entityNames: ['Engine'] }),
  call('read_graph'),
];

const thinking: readonly Ask[] = [
  ...common,
  // It counts what one process has heard: a client without a session has none of its own.
  ...[1, 2, 3].map((thoughtNumber): Ask => {
    const args = { thought: `step ${thoughtNumber}`, thoughtNumber, totalThoughts: 3, nextThoughtNeeded: thoughtNumber < 3 };
    return { ...call('sequentialthinking', args), eras: 'differ' };
  }),
  {
    ...call('sequentialthinking', {
      thought: 'other',
      thoughtNumber: 2,
      totalThoughts: 3,
      nextThoughtNeeded: false,
      branchFromThought: 1,
      branchId: 'b',
    }),
    eras: 'differ',
  },
  call('sequentialthinking', { thought: 7 }),
];

const files = (root: string): readonly Ask[] => [
  ...common,
  // It asks for the client's roots once, after the handshake, and what it may read follows from them, when it has the answer.
  { ...call('list_allowed_directories'), eras: 'differ', until: (said) => !JSON.stringify(said).includes(root) },
  call('list_directory', { path: root }),
  call('directory_tree', { path: root }),
  call('read_text_file', { path: join(root, 'one.txt') }),
  call('read_text_file', { path: join(root, 'one.txt'), head: 1 }),
  call('read_multiple_files', { paths: [join(root, 'one.txt'), join(root, 'missing.txt')] }),
  call('read_media_file', { path: join(root, 'pixel.png') }),
  { ...call('read_text_file', { path: '/etc/hostname' }), eras: 'differ' },
  call('write_file', { path: join(root, 'new.txt'), content: 'l1\nl2\n' }),
  call('edit_file', { path: join(root, 'new.txt'), edits: [{ oldText: 'l1', newText: 'L1' }], dryRun: true }),
  call('edit_file', { path: join(root, 'new.txt'), edits: [{ oldText: 'nowhere', newText: '' }] }),
  call('move_file', { source: join(root, 'new.txt'), destination: join(root, 'moved.txt') }),
  call('search_files', { path: root, pattern: '**/*.txt' }),
  call('list_directory_with_sizes', { path: root }),
];

/** The servers, each with a world of its own. */
export async function openPlay(name: 'everything' | 'filesystem' | 'memory' | 'sequential-thinking'): Promise<Play> {
  const args = [program(`server-${name}`)];
  if (name === 'everything') {
    // The texts of its dynamic resources hold the time of day, and a blob holds one in base64.
    const settle = (text: string) => text.replaceAll(/\d{1,2}:\d\d:\d\d\s?[AP]M/g, 'TIME').replaceAll(/("blob": ?")[^"]+/g, '$1BLOB');
    return { ...nothing, name, args, env: { TZ: 'UTC' }, script: everything, settle };
  }
  if (name === 'sequential-thinking') return { ...nothing, name, args, env: {}, script: thinking };
  const root = await mkdtemp(join(tmpdir(), 'causeway-parity-'));
  const dispose = { [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
  if (name === 'memory') {
    const file = join(root, 'memory.jsonl');
    return { ...nothing, ...dispose, name, args, env: { MEMORY_FILE_PATH: file }, script: memory, reset: () => rm(file, { force: true }) };
  }
  const world = join(root, 'world');
  const reset = async () => {
    await rm(world, { recursive: true, force: true });
    await mkdir(join(world, 'deep'), { recursive: true });
    await writeFile(join(world, 'one.txt'), 'first line\nsecond l\u00efne\n');
    await writeFile(join(world, 'deep', 'two.txt'), 'x'.repeat(100_000));
    await writeFile(join(world, 'pixel.png'), Buffer.from('89504e470d0a1a0a', 'hex'));
    await utimes(join(world, 'one.txt'), 1, 1);
  };
  await reset();
  // It takes its directories from the client's roots, where there are any.
  return { ...nothing, ...dispose, name, args: [...args, world], env: {}, script: files(world), reset };
}
