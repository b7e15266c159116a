/** What a worker's health says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { createHealth, healthText } from '@causeway/runtime';
import { addChecks } from '../src/checks.ts';

describe("a worker's health", () => {
  it('fails without the bus, without the lease and at its end; an operator who wants rest makes it no less healthy', async () => {
    await using cluster = await openMemoryCluster();
    const health = createHealth();
    const [tenure, capacity] = [{ held: true }, { draining: false, leaving: false, paused: false }];
    const checks = addChecks(health, { bus: cluster.bus, tenure, capacity });
    const said = (): string => healthText(health.ready(), true);
    assert.equal(said(), '[+]bus ok\n[+]lease ok\n[+]drain ok\nok\n');
    capacity.paused = true;
    assert.match(said(), /^\[!\]drain degraded: an operator wants no new sessions here$/m);
    assert.equal(health.ready().status, 200);
    cluster.setConnected(false);
    assert.match(said(), /^\[-\]bus failing: disconnected$/m);
    tenure.held = false;
    assert.match(said(), /^\[-\]lease failing: not held$/m);
    capacity.leaving = true;
    assert.match(said(), /^\[-\]drain failing: shutting down$/m);
    capacity.leaving = false;
    capacity.draining = true;
    assert.match(said(), /^\[-\]drain failing: shutting down$/m);
    assert.equal(health.ready().status, 503);
    checks[Symbol.dispose]();
    assert.equal(health.ready().status, 200);
  });
});
