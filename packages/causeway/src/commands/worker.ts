/** Owns `causeway worker`: the side of a bridge over NATS that runs the stdio servers. */
import { loadConfig, splitCommand, type Config } from '@causeway/config';
import { newWorkerId } from '@causeway/protocol';
import { createHealth, openDiagnostics, openLog, runProcess, type Health, type OpenLog, type Running } from '@causeway/runtime';
import { EXIT, Failure, report, warn } from '../failure.ts';
import { missingCommand } from '../not-found.ts';
import { openNatsFor, openWorkerOn, processMetrics } from '../open-bridge.ts';
import { loadInput, type Line } from '../options.ts';
import { listenFailure } from '../start-failure.ts';

export async function worker(line: Line): Promise<number> {
  const { config, warnings } = loadConfig({ ...loadInput(line, splitCommand), listens: false });
  for (const text of warnings) warn(text);
  if (config.nats === undefined)
    throw new Failure(EXIT.usage, 'a worker needs the NATS servers that its edges are on', [
      '--nats nats://host:4222, or CAUSEWAY_NATS_URL, or "nats:" in the file',
      'without NATS: causeway run, everything in one process',
    ]);
  const servers = Object.values(config.servers);
  if (servers.length === 0)
    throw new Failure(EXIT.usage, 'a worker needs servers to run', ['--config FILE, or a command: causeway worker --nats URL -- COMMAND']);
  const health = createHealth();
  const missing = servers.flatMap((server) => {
    const failure = missingCommand(server, process.env);
    if (failure !== undefined && servers.length === 1) throw failure;
    if (failure !== undefined) report(failure);
    return failure?.message ?? [];
  });
  health.add('servers', () => (missing.length === 0 ? { state: 'ok' } : { state: 'degraded', note: missing.join('; ') }));
  const id = newWorkerId();
  await using log = await openLog({ ...config.log, service: 'causeway-worker', instance: id });
  return runProcess({ log, drain: config.drain, failed: report, start: (abandon) => start({ config, log, id, health, abandon }) });
}

interface Start {
  readonly config: Config;
  readonly log: OpenLog;
  readonly id: ReturnType<typeof newWorkerId>;
  readonly health: Health;
  readonly abandon: AbortSignal;
}

async function start({ config, log, id, health, abandon }: Start): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  // Asked while it starts, it can say what it waits for.
  const metrics = processMetrics('worker');
  const url = config.nats!.servers.join(',');
  const started = health.add('start', () => ({ state: 'failing', note: 'connecting to nats' }));
  try {
    const diagnostics =
      config.diagnostics.port === false ? undefined : stack.use(await openDiagnostics({ health, log, metrics }, config.diagnostics));
    log.info({ url }, 'connecting to nats');
    const cluster = stack.use(await openNatsFor({ worker: id }, config, abandon));
    const opened = stack.use(await openWorkerOn(cluster, config, log, { id, health, metrics }));
    started();
    const listeners = diagnostics === undefined ? {} : { diagnostics: diagnostics.url };
    log.info({ servers: Object.keys(config.servers), capacity: config.worker.capacity, ...listeners }, 'working');
    const owned = stack.move();
    return { drain: (ms) => opened.drain(ms), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    throw await listenFailure(error, config);
  }
}
