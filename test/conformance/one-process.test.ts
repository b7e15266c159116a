/**
 * The official conformance suite, released and coming, against `causeway run` in front of stdio servers of the
 * whole surface, one of each era and one of both.
 */
import { after, before, describe, it } from 'node:test';
import { openCauseway, type Causeway } from '../harness/processes.ts';
import { assertConforms } from './assert-conforms.ts';
import { SERVERS, TABLE, title } from './table.ts';

describe('conformance of one process', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: SERVERS }));
  });
  after(() => stack.disposeAsync());

  for (const row of TABLE.filter(({ through }) => through === 'one process')) {
    it(title(row), (t) => assertConforms(t, row, bridge.url(row.server)));
  }
});
