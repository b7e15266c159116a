import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ANONYMOUS, CausewayError, ERRORS, type Reason } from '@causeway/protocol';
import { decode, encode, errorOf, verdictOf } from '../src/envelope.ts';
import type { Head, VerdictHead } from '../src/heads.ts';

describe('envelope', () => {
  it('gives back the head and the bytes of the message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (body, text) => {
        const head: Head = {
          t: 'client',
          identity: ANONYMOUS,
          frame: { kind: 'request', method: text, id: { start: 1, end: 2 } },
          stream: text,
        };
        const envelope = decode(encode(head, body));
        assert.deepEqual(envelope?.head, head);
        assert.deepEqual(envelope?.body, Buffer.from(body));
      }),
    );
  });

  it('is pinned on the wire', () => {
    assert.equal(
      String(encode({ t: 'server', seq: 7, last: true }, Buffer.from('{"id":1}'))),
      '{"t":"server","seq":7,"last":true}\n{"id":1}',
    );
  });

  it('ignores fields that it does not know, and refuses bytes that are none', () => {
    assert.deepEqual(decode(Buffer.from('{"t":"end","why":"complete","new":1}\n'))?.body.length, 0);
    for (const text of ['', '\n', 'x\n', '{}\n', 'null\n', '[]\n', '{"t":1}\n', '{"t":"end"}'])
      assert.equal(decode(Buffer.from(text)), undefined, text);
  });

  it('carries every error across, with its facts', () => {
    for (const reason of Object.keys(ERRORS) as Reason[]) {
      const error = new CausewayError(reason, { message: 'm', facts: { limit: 3 }, retryAfter: 2 });
      const sent = decode<VerdictHead>(encode(verdictOf(error)))!.head;
      const { reason: r, message, facts, retryAfter } = errorOf(sent);
      assert.deepEqual({ r, message, facts, retryAfter }, { r: reason, message: 'm', facts: { limit: 3 }, retryAfter: 2 });
    }
    assert.equal(errorOf({ t: 'no', reason: 'made.up' as Reason }).reason, 'internal');
  });
});
