/**
 * The manifests of deploy/kubernetes against the schemas of Kubernetes and KEDA, as far as that goes without a cluster: no
 * field of another kind, none missing, none unknown; and what has to agree between them does.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { durationMs, loadConfig } from '@causeway/config';
import { parse, parseAllDocuments } from 'yaml';

const FOLDER = new URL('../../deploy/kubernetes/', import.meta.url);

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [{ readonly env: readonly { readonly name: string; readonly value: string }[] }];
}

interface Schemas {
  readonly [kind: string]: { readonly prototype: { readonly validate: (this: object) => void } };
}

async function schemaOf({ apiVersion, kind }: Manifest): Promise<Schemas[string]> {
  const home = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  const schemas = (await import(`${home}/${apiVersion}`)) as Schemas;
  assert.ok(schemas[kind], `${apiVersion} has no ${kind}`);
  return schemas[kind];
}

/** The same value, and the paths in it that nobody has looked at yet: a validator looks at every field that it knows. */
function observed<T extends object>(value: T, path: string, unseen: Set<string>): T {
  const inner = Object.fromEntries(
    Object.entries(value).map(([key, below]: [string, unknown]) => {
      const at = `${path}.${key}`;
      unseen.add(at);
      return [key, typeof below === 'object' && below !== null ? observed(below, at, unseen) : below];
    }),
  );
  const target = Array.isArray(value) ? Object.values(inner) : inner;
  return new Proxy(target, {
    get(from, key, receiver): unknown {
      unseen.delete(`${path}.${String(key)}`);
      return Reflect.get(from, key, receiver);
    },
  }) as T;
}

async function faultsOf(manifest: Manifest): Promise<readonly string[]> {
  const unseen = new Set<string>();
  const Schema = await schemaOf(manifest);
  try {
    // A model would be a copy: what the validator looks at is the manifest itself.
    Schema.prototype.validate.call(observed(manifest, manifest.kind, unseen));
  } catch (error) {
    return [`${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`];
  }
  return [...unseen];
}

const read = (name: string): Promise<string> => readFile(new URL(name, FOLDER), 'utf8');
const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml') && !['kustomization.yaml', 'causeway.yaml'].includes(name));
const manifests = (
  await Promise.all(files.map(async (name) => parseAllDocuments(await read(name)).map((one) => one.toJS() as Manifest)))
).flat();
const of = (kind: string): readonly Manifest[] => manifests.filter((one) => one.kind === kind);

describe('the manifests for Kubernetes', () => {
  it('are what the schemas want', async () => {
    for (const manifest of manifests) assert.deepEqual(await faultsOf(manifest), [], manifest.metadata.name);
  });

  it('would not be let through with a field of another kind, or one that is unknown', async () => {
    const [edge] = of('Deployment');
    const wrong = { ...edge!, spec: { ...edge!.spec, replicas: 'two' } };
    assert.match((await faultsOf(wrong))[0]!, /replicas must be integer/);
    assert.deepEqual(await faultsOf({ ...edge!, spec: { ...edge!.spec, replica: 2 } }), ['Deployment.spec.replica']);
  });

  it('are all named in the kustomization, but for what is applied by itself; what it serves is without mistakes', async () => {
    const { resources } = parse(await read('kustomization.yaml')) as { resources: string[] };
    assert.deepEqual(new Set([...resources, 'keda.yaml']), new Set(files));
    const { config, warnings } = loadConfig({ file: new URL('causeway.yaml', FOLDER).pathname, env: {}, cwd: '/' });
    assert.deepEqual([Object.keys(config.servers).length > 0, warnings], [true, []]);
  });

  it('give a pod longer to end than it takes, and a budget and a policy to each role', () => {
    for (const { spec, metadata } of of('Deployment')) {
      const { template, selector } = spec as { template: { metadata: { labels: object }; spec: Pod }; selector: { matchLabels: object } };
      assert.deepEqual(selector.matchLabels, template.metadata.labels);
      const env = new Map(template.spec.containers[0].env.map(({ name, value }) => [name, value]));
      const drain = ['CAUSEWAY_DRAIN_TIMEOUT', 'CAUSEWAY_DRAIN_DELAY'].map((name) => durationMs(env.get(name) ?? '0s') ?? Number.NaN);
      assert.ok(template.spec.terminationGracePeriodSeconds * 1000 > drain[0]! + drain[1]!, metadata.name);
      const budget = of('PodDisruptionBudget').find((one) => one.metadata.name === metadata.name);
      assert.deepEqual(budget?.spec['selector'], selector);
    }
    assert.deepEqual(
      of('NetworkPolicy').map(({ metadata }) => metadata.name),
      ['causeway-deny', 'causeway-bus', 'causeway-clients', 'causeway-figures', 'causeway-children'],
    );
  });

  it('let clients in by every name of the Service, and give a worker memory for as many children as it may have', async () => {
    const containers = of('Deployment').map(({ spec }) => (spec as { template: { spec: Pod } }).template.spec.containers[0]);
    const hosts = containers[0]!.env.find(({ name }) => name === 'CAUSEWAY_ALLOWED_HOSTS')!.value.split(',');
    const [service] = of('Service');
    const names = ['', '.causeway', '.causeway.svc', '.causeway.svc.cluster.local'].map((end) => `${service!.metadata.name}${end}`);
    assert.deepEqual(hosts, names);
    const { config } = loadConfig({ file: new URL('causeway.yaml', FOLDER).pathname, env: {}, cwd: '/' });
    const { memory } = (containers[1] as unknown as { resources: { limits: { memory: string } } }).resources.limits;
    // server-everything, idle, by npx.
    assert.ok(config.worker.capacity * 70 + 256 < Number.parseInt(memory, 10) * 1024);
  });

  it('scale by a figure that workers have', async () => {
    const [{ spec } = { spec: {} }] = of('ScaledObject');
    const query = JSON.stringify(spec);
    const figures = await readFile(new URL('../../services/worker/src/figures.ts', import.meta.url), 'utf8');
    for (const [, name] of query.matchAll(/causeway_worker_slots_(\w+)\{/g)) assert.ok(figures.includes(`slots('${name}'`), name);
    assert.equal((spec as { scaleTargetRef: { name: string } }).scaleTargetRef.name, of('Deployment').at(-1)?.metadata.name);
  });
});
