import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ANONYMOUS, CausewayError, identityOf, type Identity } from '@causeway/protocol';
import { createBreaker, type Attempt, type Breaker } from '../../src/child/breaker.ts';

const MINUTE = 60_000;

function at(time: { now: number }, random = () => 0): Breaker {
  return createBreaker({ now: () => time.now, random });
}

const who = (name: string): Identity => identityOf('key', name);
const [mallory, bob, carol] = ['mallory', 'bob', 'carol'].map(who);

function refusal(breaker: Breaker, server: string, identity?: Identity): number | undefined {
  try {
    breaker.attempt(server, identity)[Symbol.dispose]();
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

test('what is started otherwise now has no failures, for nobody; others keep theirs', () => {
  const breaker = at({ now: 0 });
  for (const server of ['a', 'ab']) for (let n = 0; n < 5; n += 1) breaker.attempt(server).failed();
  for (let n = 0; n < 5; n += 1) breaker.attempt('b', mallory).failed();
  for (const server of ['a', 'b']) breaker.forget(server);
  assert.deepEqual([refusal(breaker, 'a'), refusal(breaker, 'b', mallory), refusal(breaker, 'ab')], [undefined, undefined, 1]);
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

test('failures at the request of one identity pause its starts alone, however many there are', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 5; n += 1) breaker.attempt('a', mallory).failed();
  for (let minutes = 0; minutes < 10; minutes += 1) {
    assert(refusal(breaker, 'a', mallory));
    for (const other of [bob, ANONYMOUS, undefined]) assert.equal(refusal(breaker, 'a', other), undefined);
    assert(!breaker.isOpen('a'));
    time.now += MINUTE;
    breaker.attempt('a', mallory).failed();
  }
  assert.equal(refusal(breaker, 'b', mallory), undefined);
});

test("of the five failures that pause a server for all at most three are one identity's", () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 5; n += 1) breaker.attempt('a', mallory).failed();
  breaker.attempt('a', bob).failed();
  assert.equal(refusal(breaker, 'a', carol), undefined);
  breaker.attempt('a', bob).failed();
  for (const one of [bob, carol, ANONYMOUS, undefined]) assert.equal(refusal(breaker, 'a', one), 1);
  const alone = at(time);
  for (let n = 0; n < 4; n += 1) alone.attempt('a', mallory).failed();
  alone.attempt('a').failed();
  assert.equal(refusal(alone, 'a', bob), undefined);
  alone.attempt('a').failed();
  assert.equal(refusal(alone, 'a', bob), 1, 'a greeting of our own that fails is held against the server');
});

test('failures of two identities that are more than a minute apart do not add up', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (let n = 0; n < 3; n += 1) breaker.attempt('a', mallory).failed();
  time.now += MINUTE + 1;
  for (let n = 0; n < 3; n += 1) breaker.attempt('a', bob).failed();
  assert.equal(refusal(breaker, 'a', carol), undefined);
});

test('whoever failed the last trial tries again later than all others, so that it cannot keep a server from them', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (const one of [mallory, mallory, mallory, bob, bob]) breaker.attempt('a', one).failed();
  time.now += 1000;
  breaker.attempt('a', mallory).failed();
  time.now += 2000;
  assert.equal(refusal(breaker, 'a', mallory), 2);
  breaker.attempt('a', bob).succeeded();
  assert(!breaker.isOpen('a'));
  assert.equal(refusal(breaker, 'a', mallory), undefined);
});

test('a trial that was given up is given up for the identity and the server, and its success closes both', () => {
  const time = { now: 0 };
  const breaker = at(time);
  for (const one of [mallory, mallory, mallory, mallory, mallory, bob, bob]) breaker.attempt('a', one).failed();
  time.now += 1000;
  breaker.attempt('a', mallory)[Symbol.dispose]();
  const trial = breaker.attempt('a', mallory);
  assert(refusal(breaker, 'a', bob));
  trial.succeeded();
  for (const one of [mallory, bob, undefined]) assert.equal(refusal(breaker, 'a', one), undefined);
  for (let n = 0; n < 4; n += 1) breaker.attempt('a', mallory).failed();
  assert.equal(refusal(breaker, 'a', mallory), undefined);
});

test('a server that fails for every identity that comes is started 11 times in any minute at most', () => {
  const time = { now: 0 };
  const breaker = at(time);
  const starts: number[] = [];
  for (let n = 0; n < 10_000; n += 1) {
    time.now += 20;
    if (refusal(breaker, 'a', who(`${n}`)) !== undefined) continue;
    breaker.attempt('a', who(`${n}`)).failed();
    starts.push(time.now);
  }
  for (const [n, first] of starts.entries()) assert(starts.slice(n).filter((start) => start < first + MINUTE).length <= 11);
});

test('beyond a thousand circuits the oldest of an identity is forgotten', () => {
  const breaker = at({ now: 0 });
  for (let n = 0; n < 1100; n += 1) for (let failure = 0; failure < 4; failure += 1) breaker.attempt(`s${n}`, who(`${n}`)).failed();
  for (const [n, paused] of [
    [0, undefined],
    [1099, 1],
  ] as const) {
    breaker.attempt(`s${n}`, who(`${n}`)).failed();
    assert.equal(refusal(breaker, `s${n}`, who(`${n}`)), paused);
  }
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
