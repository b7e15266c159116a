/** Servers that are defined otherwise: what stays the same object, and what the record says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Definitions, type Defined } from '../src/definitions.ts';
import { limits, server } from './era/scripted-child.ts';

const named = (name: string, more: Parameters<typeof server>[0] = {}) => server({ name, ...more });
const of = (servers: Defined['servers']): Defined => ({ servers, limits });

test('what would start the same child stays as it was, wherever it is served; what would not is another', () => {
  const [git, fs] = [named('git'), named('fs')];
  const servers = new Definitions(of({ git, fs }));
  const change = servers.replace(
    of({
      git: named('git', { default: true, defaultImplied: true, path: '/git' }),
      fs: named('fs', { env: { KEY: '1' } }),
      zip: named('zip'),
    }),
  );
  assert.deepEqual(change, { added: ['zip'], changed: ['fs'], removed: [] });
  assert.equal(servers.get('git'), git);
  assert.ok(servers.inForce(git) && !servers.inForce(fs));
  assert.deepEqual(servers.served['git'], {
    ...{ default: true, defaultImplied: true, path: '/git', recovery: 'restart' },
    timeouts: { start: 20_000, request: 20_000 },
  });
  assert.deepEqual([servers.served['fs']?.edition, servers.served['zip']?.edition], [1, undefined]);
  assert.deepEqual(servers.replace(of({ git: named('git') })), { added: [], changed: [], removed: ['fs', 'zip'] });
  assert.deepEqual([servers.get('fs'), Object.keys(servers.served)], [undefined, ['git']]);
});

test('edges wait as long as sessions that began before do', () => {
  const servers = new Definitions(of({ git: named('git', { requestTimeout: 60_000 }) }));
  servers.replace(of({ git: named('git', { requestTimeout: 1_000, startTimeout: 90_000 }) }));
  servers.replace(of({ git: named('git', { requestTimeout: 2_000, startTimeout: 1_000 }) }));
  assert.deepEqual([servers.served['git']?.timeouts, servers.served['git']?.edition], [{ start: 90_000, request: 60_000 }, 2]);
  assert.equal(servers.get('git')?.requestTimeout, 2_000);
});

test('limits are those of now', () => {
  const servers = new Definitions(of({}));
  servers.replace({ servers: {}, limits: { ...limits, sessions: 3 } });
  assert.deepEqual(servers.limits, { ...limits, sessions: 3 });
});

test('a name is only a name', () => {
  const servers = new Definitions(of({ git: named('git') }));
  assert.equal(servers.get('__proto__'), undefined);
  assert.equal(servers.get('toString'), undefined);
});
