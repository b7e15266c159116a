import assert from 'node:assert/strict';
import { test } from 'node:test';
import { route } from '../../src/http/routes.ts';
import type { OfferedServer, Servers } from '../../src/servers.ts';

function offer(...list: Partial<OfferedServer>[]): Servers {
  const all = list.map((server) => ({ name: 'x', default: false, recovery: 'restart' as const, ...server }));
  return {
    get: (name) => all.find((server) => server.name === name),
    default: () => all.find((server) => server.default) ?? (all.length === 1 ? all[0] : undefined),
    atPath: (path) => all.find((server) => server.path === path),
    all: () => all,
    known: () => all,
    deadline: () => 1_000,
    nearest: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
const found = (path: string, servers: Servers, paths = {}): string => {
  const at = route(path, servers, paths);
  return at.kind === 'endpoint' ? `${at.server.name} ${at.endpoint} ${at.base}` : at.kind;
};

test('every layout of URLs leads to its server', () => {
  const servers = offer({ name: 'git', path: '/tools/git' }, { name: 'time', default: true });
  assert.equal(found('/servers/git/mcp', servers), 'git mcp /servers/git');
  assert.equal(found('/servers/git/sse/', servers), 'git sse /servers/git');
  assert.equal(found('/servers/time/messages', servers), 'time message /servers/time');
  assert.equal(found('/tools/git/message', servers), 'git message /tools/git');
  assert.equal(found('/mcp', servers), 'time mcp ');
  assert.equal(found('/custom', servers, { mcp: '/custom' }), 'time mcp ');
});

test('what is not there is told apart', () => {
  const servers = offer({ name: 'git' }, { name: 'time' });
  assert.equal(found('/servers/got/mcp', servers), 'unknown-server');
  assert.equal(found('/mcp', servers), 'unknown-server');
  for (const path of [
    '/',
    '/servers/git',
    '/servers/git/other',
    '/servers/git/x/mcp',
    '/servers//mcp',
    '/mcp/x',
    '/constructor',
    '/servers/git/__proto__',
  ]) {
    assert.equal(found(path, servers), 'none', path);
  }
  assert.equal(found('/servers/__proto__/mcp', servers), 'unknown-server');
});

test("a server stands under its name, whatever another worker's file says of paths", () => {
  const servers = offer({ name: 'seq', path: '/servers/ev' }, { name: 'ev' }, { name: 'main', default: true });
  assert.equal(found('/servers/ev/mcp', servers), 'ev mcp /servers/ev');
  assert.equal(found('/servers/ev/mcp', servers, { mcp: '/servers/ev/mcp' }), 'ev mcp /servers/ev');
  assert.equal(found('/servers/ev/mcp', offer({ name: 'seq', path: '/servers/ev' })), 'unknown-server');
});
