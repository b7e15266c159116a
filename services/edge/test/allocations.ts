/** Owns the hot operations of this package and what each may allocate (test/allocations). */
import type { IncomingMessage } from 'node:http';
import { openMemoryCluster } from '@causeway/cluster';
import { ANONYMOUS, mintSession, newEdgeId } from '@causeway/protocol';
import { createWheel, silentLog } from '@causeway/runtime';
import type { EdgeContext } from '../src/context.ts';
import { createCallers } from '../src/access/callers.ts';
import { createGuard, requireJson } from '../src/http/guard.ts';
import { route } from '../src/http/routes.ts';
import { findSession } from '../src/http/visit.ts';
import { openContext } from '../src/open-context.ts';
import { edgeOptions } from './edge-options.ts';
import { obliging, scriptedWorker } from './scripted-worker.ts';

const headers = {
  host: '127.0.0.1:8000',
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-session-id': 'x'.repeat(65),
  'mcp-protocol-version': '2025-11-25',
  'content-length': '300',
};
const request = { headers, rawHeaders: Object.entries(headers).flat() } as unknown as IncomingMessage;

async function edgeWithWorker(): Promise<EdgeContext> {
  const cluster = await openMemoryCluster();
  await scriptedWorker(cluster, obliging);
  // Time stands still, so that nothing happens but what is measured. The process ends with the measurement, and all of this with it.
  const clock = { now: () => 1_800_000_000_000, monotonic: () => 0.5 };
  const wheel = createWheel({ clock, timer: () => () => undefined });
  const deps = { id: newEdgeId(), cluster, log: silentLog(), clock, wheel, random: () => 0.5 };
  return openContext(new AsyncDisposableStack(), deps, edgeOptions);
}

export const operations = [
  {
    name: 'guard: the head of a POST',
    bytes: 150,
    objects: 2.5,
    open: () => {
      const guard = createGuard(edgeOptions.http);
      const callers = createCallers(edgeOptions.auth);
      return () => {
        guard.origin(request);
        guard.acceptBoth(request);
        requireJson(request);
        return callers.callerOf(request);
      };
    },
  },
  {
    name: 'route: of a named server',
    bytes: 360,
    objects: 6.5,
    open: async () => {
      const { servers } = await edgeWithWorker();
      const { paths } = edgeOptions.http;
      return () => route('/servers/echo/mcp', servers, paths);
    },
  },
  {
    name: 'findSession: one that is known',
    bytes: 10,
    objects: 0.5,
    open: async () => {
      const edge = await edgeWithWorker();
      const [owner] = edge.cluster.ledger.workers().keys();
      const visit = { server: 'echo', base: '/servers/echo', identity: ANONYMOUS };
      const audience = { server: 'echo', identity: ANONYMOUS, transport: 'streamable' } as const;
      const session = { owner: owner!, audience, revision: '2025-11-25', now: edge.clock.now() } as const;
      // The name of one alone V8 would make once and for all.
      const ids = Array.from({ length: 64 }, () => mintSession(edge.key, session).id);
      let nth = 0;
      return () => findSession(edge, ids[(nth += 1) % ids.length]!, visit, 'streamable');
    },
  },
  {
    name: 'Exchanges: one begins and ends',
    bytes: 890,
    objects: 14.5,
    open: async () => {
      const { exchanges } = await edgeWithWorker();
      const nothing = (): void => undefined;
      const listener = { receive: nothing, undelivered: nothing, lost: nothing };
      return () => exchanges.begin(listener, 60_000).end();
    },
  },
];
