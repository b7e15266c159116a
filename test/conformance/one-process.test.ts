/**
 * The official conformance suite, released and coming, against `causeway run` in front of a stdio server of the
 * whole surface.
 */
import { after, before, describe, it } from 'node:test';
import { openCauseway, stdio2025, type Causeway } from '../harness/processes.ts';
import { assertConforms } from './assert-conforms.ts';
import { OLDER, RELEASED, REQUIRED_2025_11_25 } from './manifest.ts';

describe('conformance of one process', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { surface: stdio2025() } }));
  });
  after(() => stack.disposeAsync());

  for (const run of [RELEASED, REQUIRED_2025_11_25, ...OLDER]) {
    it(run.name, (t) => assertConforms(t, run, bridge.url('surface')));
  }
});
