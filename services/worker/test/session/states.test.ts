import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transition, type SessionEvent, type SessionState } from '../../src/session/states.ts';

const states: Record<SessionState['kind'], SessionState> = {
  starting: { kind: 'starting' },
  open: { kind: 'open' },
  closing: { kind: 'closing', reason: 'delete' },
  ended: { kind: 'ended', reason: 'delete' },
};
const events: Record<SessionEvent['kind'], SessionEvent> = {
  opened: { kind: 'opened' },
  close: { kind: 'close', reason: 'idle' },
  gone: { kind: 'gone' },
};
/** Total: a new state or event does not compile until it has its row. `same` means that nothing changes. */
const table: Record<SessionState['kind'], Record<SessionEvent['kind'], SessionState | 'same'>> = {
  starting: { opened: { kind: 'open' }, close: { kind: 'closing', reason: 'idle' }, gone: 'same' },
  open: { opened: 'same', close: { kind: 'closing', reason: 'idle' }, gone: 'same' },
  closing: { opened: 'same', close: 'same', gone: { kind: 'ended', reason: 'delete' } },
  ended: { opened: 'same', close: 'same', gone: 'same' },
};

test('every state answers every event as the table says', () => {
  for (const [kind, row] of Object.entries(table)) {
    for (const [event, expected] of Object.entries(row)) {
      const before = states[kind as SessionState['kind']];
      const after = transition(before, events[event as SessionEvent['kind']]);
      if (expected === 'same') assert.equal(after, before, `${kind} + ${event}`);
      else assert.deepEqual(after, expected, `${kind} + ${event}`);
    }
  }
});

test('the first reason to end is kept, whatever follows, and an end is final', () => {
  const any = fc.constantFrom<SessionEvent>(
    ...Object.values(events),
    { kind: 'close', reason: 'child_exit' },
    { kind: 'close', reason: 'drain' },
  );
  fc.assert(
    fc.property(fc.array(any), (sequence) => {
      let state: SessionState = states.starting;
      let first: string | undefined;
      for (const event of sequence) {
        if (event.kind === 'close') first ??= event.reason;
        const before = state;
        state = transition(state, event);
        if (before.kind === 'ended') assert.equal(state, before);
        if ('reason' in state) assert.equal(state.reason, first);
      }
    }),
  );
});
