import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ledger, ServedServer, WorkerRecord } from '@causeway/cluster';
import { silentLog, type Log } from '@causeway/runtime';
import { openServers } from '../src/servers.ts';

type Part = Partial<Pick<ServedServer, 'path' | 'default' | 'defaultImplied'>>;
type Served = Readonly<Record<string, Part>>;

const written: Part = { default: true };
const implied: Part = { default: true, defaultImplied: true };

function recordsOf(served: readonly (Served | undefined)[]): Map<string, Pick<WorkerRecord, 'servers'>> {
  const records = new Map<string, Pick<WorkerRecord, 'servers'>>();
  for (const [index, servers] of served.entries()) {
    if (servers === undefined) continue;
    const told = Object.entries(servers).map(([name, server]) => [name, { default: false, recovery: 'end', ...server }]);
    records.set(`w${index}`, { servers: Object.fromEntries(told) as WorkerRecord['servers'] });
  }
  return records;
}

/** A ledger that holds one worker for each of `served`, in this order; `become` changes them, `undefined` is one that is gone. */
function ledgerOf(...served: readonly Served[]): Ledger & { become(...served: readonly (Served | undefined)[]): void } {
  let records = recordsOf(served);
  let changed: () => void = () => undefined;
  return {
    workers: () => records,
    onChange: (listener: () => void) => {
      changed = listener;
      return () => undefined;
    },
    become: (...next: readonly (Served | undefined)[]) => {
      records = recordsOf(next);
      changed();
    },
  } as unknown as ReturnType<typeof ledgerOf>;
}

test('one path for two servers, by workers with different files: every edge takes the same', () => {
  for (const ledger of [
    ledgerOf({ mem: { path: '/x' } }, { ev: { path: '/x' } }),
    ledgerOf({ ev: { path: '/x' } }, { mem: { path: '/x' } }),
  ]) {
    using servers = openServers(ledger, silentLog());
    assert.equal(servers.atPath('/x')?.name, 'ev');
  }
});

/** In every order in which an edge may have seen them. */
function* orders(served: readonly Served[]): Generator<readonly Served[]> {
  if (served.length < 2) return void (yield served);
  for (const [at, first] of served.entries()) for (const rest of orders(served.toSpliced(at, 1))) yield [first, ...rest];
}

for (const [what, served, expected] of [
  ['one server, everywhere', [{ git: implied }, { git: implied }], 'git'],
  ['two workers with one server each', [{ git: implied }, { fs: implied }], undefined],
  ['one server alone, and among others', [{ git: implied }, { git: {}, fs: {} }], 'git'],
  ['one that is written, beside those that are implied', [{ git: implied }, { fs: implied }, { hub: written, x: {} }], 'hub'],
  ['one server, written at one worker and implied at the other', [{ git: implied }, { git: written }, { fs: implied }], 'git'],
  ['several that are written: the least name', [{ git: written }, { fs: written }, { hub: implied }], 'fs'],
  ['several, none marked', [{ git: {}, fs: {} }], undefined],
  ['one that is not marked', [{ git: {} }], 'git'],
] as const satisfies readonly [string, readonly Served[], string | undefined][]) {
  test(`the default is the same at every edge: ${what}`, () => {
    for (const order of orders(served)) {
      using servers = openServers(ledgerOf(...order), silentLog());
      assert.equal(servers.default()?.name, expected, JSON.stringify(order));
      const told = [...servers.all()].filter((server) => server.default).map(({ name }) => name);
      assert.deepEqual(told, expected === undefined ? [] : [expected]);
    }
  });
}

test('of several defaults that are written it is said once that they are', () => {
  const warned: unknown[][] = [];
  const log: Log = { ...silentLog(), warn: (...said: readonly unknown[]) => void warned.push([...said]) };
  const ledger = ledgerOf({ git: written }, { fs: written });
  using servers = openServers(ledger, log);
  ledger.become({ fs: written }, { git: written });
  ledger.become({ git: written });
  assert.equal(servers.default()?.name, 'git', 'what is served now counts');
  ledger.become({ fs: written }, { git: written });
  assert.deepEqual(warned, [
    [{ server: 'fs', marked: ['fs', 'git'] }, 'several servers are marked as the default: the first by name is taken'],
  ]);
});

test('what a worker that lives has given up is withdrawn once no other has it: known, and offered no more, until it is served again', () => {
  const ledger = ledgerOf({ git: { path: '/x', default: true }, fs: {} }, { git: {} });
  using servers = openServers(ledger, silentLog());
  const names = (): readonly string[] => [...servers.all()].map(({ name }) => name);
  ledger.become({ fs: {} }, { git: {} });
  assert.deepEqual([names(), servers.get('git')?.withdrawn], [['git', 'fs'], undefined]);
  ledger.become({ fs: {}, zip: { path: '/x' } }, {});
  assert.deepEqual([names(), servers.get('git')?.withdrawn], [['fs', 'zip'], true]);
  assert.deepEqual([servers.atPath('/x')?.name, servers.default(), servers.nearest('gitt')], ['zip', undefined, undefined]);
  assert.equal([...servers.known()].length, 3);
  ledger.become({ fs: {} });
  assert.deepEqual(names(), ['fs'], 'the end of another worker gives nothing back');
  ledger.become({ git: {} });
  assert.deepEqual([names().includes('git'), servers.get('git')?.withdrawn], [true, undefined]);
});

test('of what is offered a single one is the default, whatever is withdrawn', () => {
  const ledger = ledgerOf({ git: implied });
  using servers = openServers(ledger, silentLog());
  ledger.become({ fs: implied });
  assert.equal(servers.default()?.name, 'fs');
});

test('a server that is gone for the moment stays the default, until another is marked', () => {
  const ledger = ledgerOf({ git: written }, { fs: {}, hub: {} });
  using servers = openServers(ledger, silentLog());
  ledger.become(undefined, { fs: {}, hub: {} });
  assert.equal(servers.default()?.name, 'git');
  ledger.become(undefined, { fs: {}, hub: written });
  assert.equal(servers.default()?.name, 'hub');
});
