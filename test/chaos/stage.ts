/**
 * Owns what the faults of one file share: a world under load, opened before the first and closed after the last, when
 * everything must have come back to its start.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it, type TestContext } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, type ServerSpec } from '../harness/processes.ts';
import { randomFrom, seedFrom } from '../harness/random.ts';
import { post, toolCall } from '../harness/speak.ts';
import { until } from '../harness/within.ts';
import { openCensus } from './census.ts';
import { openWorld, type WorldOptions } from './cluster.ts';
import { backToStart, endsAreFinal, nothingLeft, type Holdings, type Limits } from './invariants/counts.ts';
import { bounded, kept, quietRefusals, type Memory } from './invariants/leaks.ts';
import { describeViolations } from './invariants/violation.ts';
import { openEye } from './kv.ts';
import { environments, holdings, memories, readable, refusals } from './last-looks.ts';
import { identityOf, openLoad } from './load.ts';
import { underFault, type Run, type Stage } from './run.ts';

/** `ci`: what fits a change; `all`: longer and more. */
export const FULL = process.env['CHAOS_TIER'] === 'all';

export interface StageOptions extends Omit<WorldOptions, 'servers'> {
  /** Clients of the load; default 50. */
  readonly clients?: number;
  readonly limits?: Limits;
  /** API keys that the clients of the load take turns with. */
  readonly keys?: readonly string[];
  /** Further servers beside the load's two. */
  readonly servers?: (env: Readonly<Record<string, string>>) => Readonly<Record<string, ServerSpec>>;
}

export interface Faults {
  /** Open since the first test of the file. */
  readonly stage: Stage;
  /** The body of a test: one fault. */
  fault(body: (run: Run) => Promise<void>): (t: TestContext) => Promise<void>;
}

/** Milliseconds of a call: it ends long before its client gives up. */
const DEADLINE = 20_000;

/** Milliseconds after a loss of all records within which their owners write them again. */
const UNSETTLED = 20_000;

/** File descriptors that a process may hold more than at its start: what Node opens at its first use and keeps. */
const SLACK = 10;

/** Registers the hooks of a suite, and its last test, which is defined by `lastly`. */
export function openFaults(options: StageOptions = {}): Faults & { lastly(): void } {
  const stack = new AsyncDisposableStack();
  let stage: Stage | undefined;
  let start: Start = { holdings: [], memories: [] };
  /** Given to the children of one server alone. */
  const secret = randomUUID();
  before(async () => {
    const seed = seedFrom('CHAOS_SEED');
    const ledger = stack.use(openLedger());
    const settings = { requestTimeout: DEADLINE / 1_000 };
    const servers = {
      steady: hostile({ ...ledger.env, CHAOS_SECRET: secret }, settings),
      final: hostile(ledger.env, { ...settings, recovery: 'end' }),
      ...options.servers?.(ledger.env),
    };
    const world = stack.use(await openWorld({ ...options, servers }));
    start = { holdings: await holdings(world), memories: await memories(world) };
    const census = stack.use(openCensus(world.mark));
    const eye = stack.use(await openEye(world.nats.nodes));
    const { clients = FULL ? 80 : 50, keys = [] } = options;
    const load = openLoad({ bases: () => world.bases(), seed, clients, keys });
    stack.defer(() => load.close());
    const { limits = {} } = options;
    stage = { world, load, ledger, census, eye, random: randomFrom(seed), seed, limits, deadline: DEADLINE, reported: new Set() };
  });
  after(() => stack.disposeAsync());
  const open = () => {
    assert.ok(stage !== undefined, 'the world did not open');
    return stage;
  };
  return {
    get stage() {
      return open();
    },
    fault: (body) => (t) => underFault(t, open(), body),
    lastly() {
      it('no secret stands anywhere but where it was given (I15)', () => secretsKept(open(), secret, options.keys ?? []));
      it('when all has ended nothing is left: children, records, descriptors, subscriptions, memory (I3, I10, I11, I17)', () =>
        cleanEnd(open(), start, options.keys ?? []));
      it('what is refused causes no message and no child (I14)', async () => {
        const { world, eye, census } = open();
        const wrong = quietRefusals(await refusals(world, 'steady', eye, census));
        assert.equal(wrong.length, 0, describeViolations(wrong));
      });
    },
  };
}

interface Start {
  readonly holdings: readonly Holdings[];
  readonly memories: readonly Memory[];
}

async function secretsKept({ world, load, census, eye }: Stage, secret: string, keys: readonly string[]): Promise<void> {
  await world.heal();
  const sessions = load.evidence.sessions.filter(({ transport }) => transport === 'streamable');
  const others = sessions.filter(({ server }) => server === 'final').map(({ id }) => id);
  const own = { 'the secret of a server': [secret] };
  const all = { ...own, 'an API key': keys, 'the id of a session': sessions.map(({ id }) => id) };
  const wrong = [...kept(own, await environments(census, others)), ...kept(all, await readable(world, eye))];
  assert.equal(wrong.length, 0, describeViolations(wrong));
}

async function cleanEnd({ world, load, census, eye }: Stage, start: Start, keys: readonly string[]): Promise<void> {
  await world.heal();
  await load.close();
  const ended = load.evidence.sessions
    .filter(({ transport, end, confirmed }) => transport === 'streamable' && (end === 'lost' || confirmed === true))
    .slice(-5);
  const asked = await Promise.all(
    ended.flatMap(({ session, client, id, server }) =>
      world.edges.map(async ({ name, process }) => {
        const headers = { ...identityOf(client, keys), 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
        const ask = () => post(process.url(server), toolCall(1, 'echo'), headers);
        // For a while after all records were lost nobody can know; then it is over, not served.
        let answer = await ask();
        const known = async () => (answer.status === 503 ? void (answer = await ask()) : true);
        await until(UNSETTLED, 'a word about a session that has ended', known).catch(() => undefined);
        return { session, edge: name, status: answer.status, answer: answer.text };
      }),
    ),
  );
  await dropFetchSockets();
  const wrong = async () => [
    ...nothingLeft(await eye.dump(), await census.next()),
    ...backToStart(start.holdings, await holdings(world), SLACK),
    ...bounded(start.memories, await memories(world)),
    ...endsAreFinal(asked),
  ];
  let last = await wrong();
  for (const until = Date.now() + 35_000; last.length > 0 && Date.now() < until;) last = await wrong();
  assert.equal(last.length, 0, `something was left:\n${describeViolations(last)}`);
}

/** `fetch` keeps its sockets for as long as the edges say; they would be counted. Nothing is fetched after this. */
async function dropFetchSockets(): Promise<void> {
  const pool = (globalThis as Record<symbol, unknown>)[Symbol.for('undici.globalDispatcher.1')] as { destroy(): Promise<void> } | undefined;
  await pool?.destroy();
}
