import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CausewayError } from '@causeway/protocol';
import { createBreaker, type Attempt, type Breaker } from '../../src/child/breaker.ts';

const MINUTE = 60_000;

function at(time: { now: number }, random = () => 0): Breaker {
  return createBreaker({ now: () => time.now, random });
}

function refusal(breaker: Breaker, server: string): number | undefined {
  try {
    breaker.attempt(server)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    assert(error instanceof CausewayError && error.reason === 'server.crash_loop');
    assert(error.retryAfter !== undefined && Number.isInteger(error.retryAfter) && error.retryAfter >= 1);
    return error.retryAfter;
  }
}

test('five failures within a minute pause the starts of that server alone', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 5; n += 1) {
    assert.equal(refusal(breaker, 'a'), undefined);
    breaker.attempt('a').failed();
  }
  assert.equal(refusal(breaker, 'a'), 1);
  assert(breaker.isOpen('a'));
  assert.equal(refusal(breaker, 'b'), undefined);
});

test('failures older than a minute do not count', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 50; n += 1) {
    breaker.attempt('a').failed();
    time.now += MINUTE / 4 + 1;
  }
  assert.equal(refusal(breaker, 'a'), undefined);
});

test('after the pause one trial is let through; its failure doubles the pause, its success closes', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 5; n += 1) breaker.attempt('a').failed();
  for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) {
    assert.equal(refusal(breaker, 'a'), pause);
    time.now += pause * 1000;
    const trial = breaker.attempt('a');
    assert.equal(refusal(breaker, 'a'), pause, 'a second start is refused while the trial runs');
    trial.failed();
  }
  time.now += MINUTE;
  breaker.attempt('a').succeeded();
  assert.equal(breaker.isOpen('a'), false);
  for (let n = 0; n < 4; n += 1) breaker.attempt('a').failed();
  assert.equal(refusal(breaker, 'a'), undefined);
});

test('a trial that was given up leaves its place to the next', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 5; n += 1) breaker.attempt('a').failed();
  time.now += 1000;
  {
    using trial = breaker.attempt('a');
    void trial;
  }
  const next = breaker.attempt('a');
  next.succeeded();
  next.failed();
  assert.equal(breaker.isOpen('a'), false, 'only the first outcome counts');
});

test('a server that always fails is started 11 times in any minute at most, whatever the jitter and the demand', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 200, maxLength: 400 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (gaps, dice) => {
        const time = { now: 0 };
        const breaker = at(time, () => dice.next().value);
        const starts: number[] = [];
        for (const gap of gaps) {
          time.now += gap;
          let attempt: Attempt | undefined;
          try {
            attempt = breaker.attempt('a');
          } catch {}
          if (attempt === undefined) continue;
          attempt.failed();
          starts.push(time.now);
        }
        for (const [n, first] of starts.entries()) {
          const within = starts.slice(n).filter((start) => start < first + MINUTE).length;
          assert(within <= 11, `${within} starts in a minute`);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('with any outcomes a refusal always tells a time after which a start is let through', () => {
  const step = fc.record({ gap: fc.integer({ min: 0, max: 90_000 }), outcome: fc.constantFrom('failed', 'succeeded', 'given up') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const time = { now: 0 };
      const breaker = at(time, () => 0.7);
      for (const { gap, outcome } of steps) {
        time.now += gap;
        const seconds = refusal(breaker, 'a');
        assert(seconds === undefined || seconds <= 60);
        if (seconds !== undefined) time.now += seconds * 1000;
        using attempt = breaker.attempt('a');
        if (outcome === 'failed') attempt.failed();
        if (outcome === 'succeeded') attempt.succeeded();
      }
    }),
  );
});
