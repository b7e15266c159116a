/** The files of the stack say what the rest of the repository says. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { loadConfig } from '@causeway/config';
import { CausewayError, errorObject } from '@causeway/protocol';
import { parse } from 'yaml';

const text = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the files of the stack', () => {
  it('nats.conf permits each role what docs/subjects.md says, and has no way to be anybody else', async () => {
    const documented = /```\n(authorization \{\n[^]*?)```/.exec(await text('docs/subjects.md'))![1]!;
    const conf = await text('deploy/compose/nats.conf');
    const permissions = (from: string): string => from.slice(from.indexOf('authorization {\n  edge'), from.indexOf('  users: ['));
    assert.equal(permissions(conf), permissions(documented));
    const users = [...conf.slice(conf.indexOf('  users: [')).matchAll(/\{ nkey: \$([A-Z]+)_KEY, permissions: \$(\w+) \}/g)];
    assert.deepEqual(
      users.map(([, key, role]) => [key, role]),
      ['edge', 'worker', 'bootstrap'].map((role) => [role.toUpperCase(), role]),
    );
    assert.doesNotMatch(conf, /no_auth_user/);
  });

  it('the NATS servers tell their clients of each other', async () => {
    assert.doesNotMatch(await text('deploy/compose/nats.conf'), /^\s*(no_advertise|client_advertise)/m);
  });

  it('causeway.yaml is a configuration without mistakes, and names exact versions', async () => {
    const { config, warnings } = loadConfig({ file: new URL('../../causeway.yaml', import.meta.url).pathname, env: {}, cwd: '/' });
    assert.deepEqual(warnings, []);
    assert.ok(Object.keys(config.servers).length >= 2);
    for (const { args } of Object.values(config.servers)) assert.match(args.join(' '), /@\d+\.\d+\.\d+$/);
  });

  it("the balancer's own answers are of the error table", async () => {
    const config = await text('deploy/compose/haproxy.cfg');
    for (const [status, error] of [
      [502, new CausewayError('cluster.owner_lost', { message: 'The edge was lost before it answered.' })],
      [503, new CausewayError('cluster.unavailable', { message: 'No edge of the bridge is ready.', retryAfter: 2 })],
    ] as const) {
      const line = new RegExp(`^ {2}http-error status ${status} content-type application/json string '(.*)'(.*)$`, 'm');
      const [, body, headers] = line.exec(config)!;
      const { ref: _, ...data } = errorObject(error)['data'] as Record<string, unknown>;
      assert.deepEqual(JSON.parse(body!), { jsonrpc: '2.0', id: null, error: { ...errorObject(error), data } });
      assert.equal(/hdr Retry-After (\d+)/.exec(headers!)?.[1], error.retryAfter?.toString());
    }
  });

  it('the balancer passes each message of a stream on at once: by default it waits for more, up to 200 ms', async () => {
    assert.match(await text('deploy/compose/haproxy.cfg'), /^defaults\n(?:.+\n)* {2}option http-no-delay$/m);
  });

  it('the balancer passes on at once that a client has gone: by default an edge hears nothing of it', async () => {
    assert.match(await text('deploy/compose/haproxy.cfg'), /^defaults\n(?:.+\n)* {2}option abortonclose$/m);
  });

  it('alerts are on figures that are documented', async () => {
    const [rules, documented] = await Promise.all([text('deploy/compose/rules.yml'), text('docs/operations.md')]);
    const named = new Set(
      [...rules.matchAll(/\bcauseway_\w+/g)].map(([name]) => name.replace(/_slots_(used|max|available)$/, '_slots_used')),
    );
    assert.ok(named.size > 5);
    for (const name of named) assert.ok(documented.includes(`\`${name}`), name);
  });

  it('a rule is a record or an alert, and an alert says one thing', async () => {
    const { groups } = parse(await text('deploy/compose/rules.yml')) as {
      readonly groups: readonly { readonly rules: readonly object[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 5);
    for (const rule of rules) {
      if ('record' in rule) assert.deepEqual(Object.keys(rule), ['record', 'expr']);
      else assert.deepEqual(Object.keys((rule as { annotations: object }).annotations), ['summary'], JSON.stringify(rule));
    }
  });

  it('the image has the version of the packages', async () => {
    const { version } = JSON.parse(await text('packages/causeway/package.json')) as { version: string };
    const [dockerfile, compose] = await Promise.all([text('Dockerfile'), text('docker-compose.yml')]);
    assert.ok(dockerfile.includes(`image.version="${version}"`));
    assert.ok(compose.includes(`causeway:${version}}`));
  });
});
