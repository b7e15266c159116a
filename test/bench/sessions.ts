/**
 * Owns which way a route is talked to: Streamable HTTP, HTTP+SSE of 2024-11-05, requests without a session, and straight
 * to the child's stdio. One call at a time for each session; every answer is checked for its id.
 */
import type { BenchSession, Route } from './mcp.ts';
import { openSse } from './sse-session.ts';
import { openStateless } from './stateless-session.ts';
import { openStdio } from './stdio-session.ts';
import { openStreamable } from './streamable-session.ts';

export async function openSession(route: Route): Promise<BenchSession> {
  switch (route.kind) {
    case 'stdio':
      return openStdio(route.command);
    case 'sse':
      return openSse(new URL(route.urls[0]!));
    case 'stateless':
      return openStateless(route.urls, route.revision);
    case 'streamable':
      return openStreamable(route.urls);
  }
}
