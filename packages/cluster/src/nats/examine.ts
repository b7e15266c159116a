/**
 * Owns looking at a NATS before a bridge is started on it: server, buckets, what the credentials permit, the clock.
 *
 * Invariant: nothing is changed. How a right is tried is rights.ts's.
 */
import { CausewayError, newEdgeId, newWorkerId } from '@causeway/protocol';
import { JetStreamApiError, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsClusterOptions } from '../cluster.ts';
import type { Finding, NatsExamination } from '../examine.ts';
import { subjects } from '../subjects.ts';
import { bucketName, CLUSTERED, strangerIn, streamOf, type Bucket } from './buckets.ts';
import { checkServer, connectionOptions, dial } from './connect.ts';
import { isForbidden, lackingRights, mayHear, permitted, QUESTION, rights } from './rights.ts';

type Options = Omit<NatsClusterOptions, 'inbox'>;

/** Milliseconds until a server must have let us in. */
const CONNECT = 4_000;
const BUCKETS: readonly Bucket[] = ['workers', 'sessions', 'cluster'];
/** Milliseconds between the clocks that are worth a word. */
const SKEW = 1_000;

export async function examine(options: Options): Promise<NatsExamination> {
  const names = subjects(options.prefix);
  const roles = { edge: names.edgeInbox(newEdgeId()), worker: names.workerInbox(newWorkerId()) };
  const findings: Finding[] = [];
  let reachable = false;
  await using stack = new AsyncDisposableStack();
  const open = async (inbox: string): Promise<NatsConnection> => {
    const deadline = options.connectDeadline ?? CONNECT;
    const nc = await dial(connectionOptions({ ...options, inbox }, 'doctor'), { ...options, inbox }, performance.now() + deadline);
    stack.defer(() => nc.close());
    return nc;
  };
  try {
    const [edge, worker] = [await open(roles.edge), await open(roles.worker)];
    reachable = true;
    const hears = { edge: await mayHear(edge), worker: await mayHear(worker) };
    if (!hears.edge && !hears.worker) return { reachable, findings: [server(edge, 'not looked at'), deaf()] };
    const nc = hears.edge ? edge : worker;
    const manager = await jetstreamManager(nc, { checkAPI: false, timeout: QUESTION });
    await checkServer(nc, manager, QUESTION);
    findings.push(server(nc, 'on'));
    const seen = await Promise.all(BUCKETS.map((bucket) => lookAtBucket(nc, manager, { prefix: options.prefix ?? 'cw', bucket })));
    findings.push(...seen.map(({ finding }) => finding));
    findings.push(
      rights({
        ...(hears.edge ? { edge: await lackingRights(edge, 'edge', options.prefix) } : {}),
        ...(hears.worker ? { worker: await lackingRights(worker, 'worker', options.prefix) } : {}),
      }),
    );
    findings.push(...seen.flatMap(({ skew }) => (skew === undefined ? [] : [clock(skew)])).slice(0, 1));
    return { reachable, findings };
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
    return { reachable, findings: [...findings, { name: 'nats', state: 'fail', text: error.message }] };
  }
}

function server(nc: NatsConnection, jetStream: string): Finding {
  const { version = 'of an unknown version', cluster, connect_urls: urls } = nc.info ?? {};
  const text = (size: string): string => `NATS ${version} at ${nc.getServer()}, ${size}, JetStream ${jetStream}`;
  if (cluster === undefined) return { name: 'nats', state: 'ok', text: text('one server') };
  if (urls !== undefined && urls.length > 0) return { name: 'nats', state: 'ok', text: text(`cluster of ${urls.length}`) };
  const untold = 'cluster whose servers tell of no others (no_advertise), so that one which is cut off is noticed late';
  return { name: 'nats', state: 'warn', text: text(untold) };
}

function deaf(): Finding {
  return {
    name: 'rights',
    state: 'fail',
    text: 'the credentials permit no inbox of ours: give the user the permissions in docs/subjects.md',
  };
}

interface Asked {
  readonly prefix: string;
  readonly bucket: Bucket;
}

interface Look {
  readonly finding: Finding;
  /** Milliseconds that our clock is ahead. */
  readonly skew?: number;
}

async function lookAtBucket(nc: NatsConnection, manager: JetStreamManager, { prefix, bucket }: Asked): Promise<Look> {
  const name = bucketName(prefix, bucket);
  const tell = (state: Finding['state'], text: string): Finding => ({ name: 'bucket', state, text: `bucket ${name}: ${text}` });
  try {
    const asked = Date.now();
    const { config, ts } = await manager.streams.info(streamOf(name));
    const skew = (asked + Date.now()) / 2 - Date.parse(String(ts));
    const { allow_msg_ttl: ttl, allow_direct: direct, max_msgs_per_subject: history, num_replicas: copies } = config;
    const told = Number.isFinite(skew) ? { skew } : {};
    if (ttl !== true || direct || history !== 1)
      return { finding: tell('fail', 'not made by Causeway; remove it, or choose another prefix (nats.prefix)'), ...told };
    const stranger = strangerIn(config, prefix);
    if (stranger !== undefined)
      return { finding: tell('fail', `of the prefix ${stranger}, which makes the same name; choose another (nats.prefix)`), ...told };
    const few = copies < CLUSTERED && nc.info?.cluster !== undefined;
    return {
      finding: few
        ? tell('warn', `R${copies} in a cluster: it stands still with one server; with three, causeway nats buckets makes R${CLUSTERED}`)
        : tell('ok', `there, R${copies}`),
      ...told,
    };
  } catch (error) {
    if (isForbidden(error)) return { finding: tell('fail', 'may not be looked at by these credentials') };
    if (!(error instanceof JetStreamApiError && error.status === 404))
      return { finding: tell('fail', error instanceof Error ? error.message : String(error)) };
    const creatable = await permitted(() => nc.request(`$JS.API.STREAM.CREATE.${streamOf(name)}`, '{"name":"-"}', { timeout: QUESTION }));
    return {
      finding: creatable
        ? tell('ok', 'not there yet; the first start makes it')
        : tell('fail', 'not there, and these credentials may not make it: start once with credentials that may (docs/subjects.md)'),
    };
  }
}

function clock(skew: number): Finding {
  const ms = Math.round(Math.abs(skew));
  if (ms < SKEW) return { name: 'clock', state: 'ok', text: `clock within ${ms} ms of the NATS server's` };
  const far = `this machine's clock is ${(ms / 1000).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} the NATS server's`;
  return { name: 'clock', state: 'warn', text: `${far}: credentials that end, and times in logs, will seem wrong` };
}
