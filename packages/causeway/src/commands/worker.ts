/** Owns `causeway worker`: the side of a bridge over NATS that runs the stdio servers. */
import { loadConfig, masked, splitCommand, type Config } from '@causeway/config';
import { newWorkerId } from '@causeway/protocol';
import { openLog, runProcess, type OpenLog, type Running } from '@causeway/runtime';
import { EXIT, Failure, report, warn } from '../failure.ts';
import { missingCommand } from '../not-found.ts';
import { isOwn } from '../own-nats.ts';
import { openNatsFor, openWorkerOn } from '../open-bridge.ts';
import { loadInput, type Line } from '../options.ts';
import { openProbes } from '../probes.ts';
import { rereader, rereads, type Begun } from '../reread.ts';
import { listenFailure } from '../start-failure.ts';
import { checkNatsFiles } from '../tls-files.ts';

export async function worker(line: Line): Promise<number> {
  const input = { ...loadInput(line, splitCommand), listens: false };
  const loaded = loadConfig(input);
  const { config, warnings } = loaded;
  for (const text of warnings) warn(text);
  if (config.nats === undefined || isOwn(config.nats))
    throw new Failure(EXIT.usage, 'a worker needs the NATS servers that its edges are on', [
      ...(isOwn(config.nats) ? ['auto is a server for "causeway run" alone'] : []),
      '--nats nats://host:4222, or CAUSEWAY_NATS_URL, or "nats:" in the file',
      'without NATS: causeway run, everything in one process',
    ]);
  checkNatsFiles(loaded);
  const servers = Object.values(config.servers);
  if (servers.length === 0)
    throw new Failure(EXIT.usage, 'a worker needs servers to run', ['--config FILE, or a command: causeway worker --nats URL -- COMMAND']);
  const missing = missingCommands(config.servers);
  if (servers.length === 1 && missing[0]) throw missing[0];
  for (const failure of missing) report(failure);
  const id = newWorkerId();
  await using log = await openLog({ ...config.log, service: 'causeway-worker', instance: id });
  return runProcess({
    ...{ log, drain: config.drain, failed: report, rereads: rereads({ input, loaded }) },
    start: (abandon) => start({ input, loaded, log, id, missing, abandon }),
  });
}

/** Of servers whose command is not here. */
function missingCommands(servers: Config['servers']): readonly Failure[] {
  return Object.values(servers).flatMap((server) => missingCommand(server, process.env) ?? []);
}

interface Start extends Begun {
  readonly log: OpenLog;
  readonly id: ReturnType<typeof newWorkerId>;
  /** What health says of the servers as they are at first. */
  readonly missing: readonly Failure[];
  readonly abandon: AbortSignal;
}

async function start({ input, loaded, log, id, missing: first, abandon }: Start): Promise<Running> {
  const { config } = loaded;
  let missing = first;
  await using stack = new AsyncDisposableStack();
  try {
    const { health, metrics, listener, started, connected } = stack.use(await openProbes('worker', config, log));
    health.add('servers', () =>
      missing.length === 0 ? { state: 'ok' } : { state: 'degraded', note: missing.map(({ message }) => message).join('; ') },
    );
    log.info({ url: config.nats!.servers.map(masked).join(',') }, 'connecting to nats');
    const cluster = stack.use(await openNatsFor({ worker: id }, { config, log, signal: abandon }));
    connected(cluster.bus);
    const opened = stack.use(await openWorkerOn(cluster, config, log, { id, health, metrics }));
    started();
    log.info({ servers: Object.keys(config.servers), capacity: config.worker.capacity, ...listener }, 'working');
    const owned = stack.move();
    const served = (servers: Config['servers']): void => void (missing = missingCommands(servers));
    const reread = rereader({ input, loaded, log, worker: opened, served });
    return { reread, unready: () => opened.unready(), drain: (ms) => opened.drain(ms), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    throw await listenFailure(error, config);
  }
}
