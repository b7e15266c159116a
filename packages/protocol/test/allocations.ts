/** Owns the hot operations of this package and what each may allocate (test/allocations). */
import assert from 'node:assert/strict';
import { classify, readClientBody, readServerLine, slice, verifySession, withId } from '../src/index.ts';
import { ANONYMOUS, mintSession, newWorkerId } from '../src/ids.ts';

const CALL = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'x'.repeat(200) }, _meta: { progressToken: 'p' } },
  }),
);
const ANSWER = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: 'x'.repeat(200) }] } }));
const ID = Buffer.from('12');

const read = readClientBody(CALL);
assert(read.kind === 'single');
const { frame } = read;

export const operations = [
  { name: 'readClientBody: a call', bytes: 2230, objects: 30.5, open: () => () => readClientBody(CALL) },
  { name: 'readServerLine: an answer', bytes: 1160, objects: 13.5, open: () => () => readServerLine(ANSWER) },
  { name: 'withId: another id for a call', bytes: 850, objects: 6.5, open: () => () => withId(frame, ID) },
  { name: 'slice: the id of a call', bytes: 130, objects: 1.5, open: () => () => slice(frame.bytes, frame.id!) },
  {
    name: 'classify: a call of a session',
    bytes: 10,
    objects: 0.5,
    open: () => {
      const headers = { version: '2025-11-25', method: undefined, name: undefined };
      return () => classify(read, headers);
    },
  },
  {
    name: 'verifySession',
    bytes: 1500,
    objects: 22.5,
    open: () => {
      const key = Buffer.alloc(32, 1);
      const audience = { server: 'echo', identity: ANONYMOUS, transport: 'streamable' } as const;
      const { id } = mintSession(key, { owner: newWorkerId(), audience, revision: '2025-11-25', now: 1_800_000_000_000 });
      return () => verifySession(key, id, audience);
    },
  },
];
