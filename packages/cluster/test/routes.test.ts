import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BusMessage } from '../src/bus.ts';
import { matcher, Routes } from '../src/routes.ts';

const message = (subject: string): BusMessage => ({ kind: 'data', subject, reply: undefined, data: Buffer.alloc(0) });

/** The rule of NATS, token by token. */
function matches(pattern: readonly string[], subject: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return subject.length === 0;
  if (head === '>') return subject.length > 0;
  return subject.length > 0 && (head === '*' || head === subject[0]) && matches(rest, subject.slice(1));
}

describe('routes', () => {
  it('match exactly as NATS does', () => {
    const token = fc.constantFrom('a', 'b', 'ab');
    const pattern = fc.tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean());
    fc.assert(
      fc.property(pattern, fc.array(token, { minLength: 1, maxLength: 5 }), ([tokens, rest], subject) => {
        const all = rest ? [...tokens, '>'] : tokens;
        if (all.length === 0) return;
        assert.equal(matcher(all.join('.'))(subject.join('.')), matches(all, subject), `${all.join('.')} on ${subject.join('.')}`);
      }),
    );
  });

  it('refuse what is no subject', () => {
    for (const pattern of ['', '.a', 'a.', 'a..b', 'a b', 'a.>.b', '>.a']) assert.throws(() => matcher(pattern), TypeError, pattern);
  });

  it('call listeners in order, none after its end, and those of a new subscription from the next message on', () => {
    const routes = new Routes();
    const seen: string[] = [];
    routes.add('a.*', () => {
      seen.push('first');
      second.unsubscribe();
      if (seen.length === 1) routes.add('a.>', () => seen.push('late'));
    });
    const second = routes.add('a.b', () => seen.push('second'));
    assert.equal(routes.deliver(message('a.b')), true);
    assert.equal(routes.deliver(message('a.c')), true);
    assert.equal(routes.deliver(message('b')), false);
    assert.deepEqual(seen, ['first', 'first', 'late']);
    routes.clear();
    assert.equal(routes.deliver(message('a.b')), false);
  });
});
