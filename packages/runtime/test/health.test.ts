import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHealth, healthJson, healthText } from '../src/index.ts';

test('ready is the worst of its checks; degraded still serves', () => {
  const health = createHealth();
  assert.equal(health.ready().status, 200);
  health.add('nats', () => ({ state: 'ok' }));
  const remove = health.add('workers', () => ({ state: 'degraded', note: 'no workers' }));
  assert.deepEqual([health.ready().status, health.ready().state], [200, 'degraded']);
  const draining = health.add('drain', () => ({ state: 'failing', note: 'draining' }));
  assert.deepEqual([health.ready().status, health.ready().state], [503, 'failing']);
  draining();
  remove();
  assert.equal(health.ready().state, 'ok');
});

test('text reads as Kubernetes writes it', () => {
  const health = createHealth();
  health.add('nats', () => ({ state: 'ok' }));
  assert.equal(healthText(health.ready()), 'ok\n');
  assert.equal(healthText(health.ready(), true), '[+]nats ok\nok\n');
  health.add('auth', () => ({ state: 'degraded', note: 'none' }));
  health.add('drain', () => ({ state: 'failing' }));
  assert.equal(healthText(health.ready(), true), '[+]nats ok\n[!]auth degraded: none\n[-]drain failing\nfailing\n');
  assert.equal(healthText(health.ready()), '[!]auth degraded: none\n[-]drain failing\nfailing\n');
  assert.deepEqual(JSON.parse(healthJson(health.ready())).status, 'failing');
});

test('a check that throws is failing, and a name is used once', () => {
  const health = createHealth();
  health.add('bad', () => {
    throw new Error('secret');
  });
  assert.equal(health.ready().status, 503);
  assert(!healthJson(health.ready()).includes('secret'));
  assert.throws(() => health.add('bad', () => ({ state: 'ok' })), /already/);
  assert.equal(health.live().status, 200);
});
