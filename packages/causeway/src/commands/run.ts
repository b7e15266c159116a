/**
 * Owns `causeway run`: edge and worker in one process, the check of the commands, the banner. The address is open first,
 * then every command is tried once, so that a bad one is an error now and not at the first client.
 */
import { loadConfig, splitCommand, type Config, type Loaded, type ServerConfig } from '@causeway/config';
import { openLog, runProcess, type OpenLog, type Running } from '@causeway/runtime';
import type { Worker } from '@causeway/worker';
import { announce as announceAdmin } from '../admin-file.ts';
import { banner, serverUrl } from '../banner.ts';
import { colour, EXIT, Failure, report, say, strayWarning, warn } from '../failure.ts';
import { missingCommand } from '../not-found.ts';
import { drainBoth, openBridge, otherListeners, type OpenBridge } from '../open-bridge.ts';
import { loadInput, type Line } from '../options.ts';
import { rereader, rereads, type Begun } from '../reread.ts';
import { childFailure, listenFailure } from '../start-failure.ts';
import { checkedCertificate, checkNatsFiles } from '../tls-files.ts';

export async function run(line: Line): Promise<number> {
  const input = loadInput(line, splitCommand);
  const loaded = loadConfig(input);
  for (const text of loaded.warnings) warn(text);
  checkedCertificate(loaded);
  checkNatsFiles(loaded);
  const absent = checkCommands(loaded);
  const { config } = loaded;
  await using log = await openLog({ ...config.log, service: 'causeway' });
  return runProcess({
    log,
    drain: config.drain,
    failed: report,
    rereads: rereads({ input, loaded }),
    start: (abandon) => start(log, { input, loaded, probe: line.given['probe'] !== false, absent, abandon }),
  });
}

/** Names of servers whose command does not exist. A single server without one is a failure; of several the others run. */
function checkCommands({ config, file }: Loaded): ReadonlySet<string> {
  const servers = Object.values(config.servers);
  if (servers.length === 0) {
    const from = file === undefined ? [] : [`${file} has no stdio server in it`];
    throw new Failure(EXIT.usage, 'there is no server to run', [
      ...from,
      'give a command:  causeway -- npx -y @modelcontextprotocol/server-everything',
      'or a file:       causeway --config FILE',
      'all there is:    causeway --help',
    ]);
  }
  const absent = new Set<string>();
  for (const server of servers) {
    const failure = missingCommand(server, process.env);
    if (failure === undefined) continue;
    if (servers.length === 1) throw failure;
    report(failure);
    absent.add(server.name);
  }
  if (absent.size === servers.length) throw new Failure(EXIT.notFound, 'none of the servers can be started');
  return absent;
}

interface StartOptions extends Begun {
  readonly probe: boolean;
  /** Servers that need no trying. */
  readonly absent: ReadonlySet<string>;
  readonly abandon: AbortSignal;
}

async function start(log: OpenLog, { input, loaded, probe, absent, abandon }: StartOptions): Promise<Running> {
  const { config } = loaded;
  let bridge: OpenBridge;
  try {
    bridge = await openBridge(config, log, abandon);
  } catch (error) {
    throw await listenFailure(error, config);
  }
  const told = announceAdmin(bridge.edge, config.admin.token !== undefined, log);
  const ended = Promise.withResolvers<number>();
  const stopping = new AbortController();
  // Who was told to stop meanwhile ends now: nobody is to connect, and what a probe would find is its own end.
  if (!abandon.aborted) {
    announce(bridge, config, { log, absent });
    if (probe) void probeAll(bridge, config, { log, absent, ended, stopping: stopping.signal });
  }
  const { worker } = bridge;
  const served = (servers: Config['servers'], names: readonly string[]): void => {
    if (probe) for (const name of names) void probeAgain(worker, servers[name]!, { log, stopping: stopping.signal });
  };
  return {
    reread: rereader({ input, loaded, log, worker, edge: bridge.edge, served }),
    unready: () => {
      stopping.abort();
      bridge.edge.unready();
      // Over NATS other edges should place nothing here; without, there is nowhere else for what this edge still takes.
      if (config.nats !== undefined) bridge.worker.unready();
    },
    drain: (ms) => drainBoth(bridge, ms),
    ended: ended.promise,
    [Symbol.asyncDispose]: () => {
      told[Symbol.dispose]();
      return bridge[Symbol.asyncDispose]();
    },
  };
}

function announce({ edge }: OpenBridge, config: Config, { log, absent }: Pick<Probing, 'log' | 'absent'>): void {
  const { url } = edge;
  if (isHuman(config)) {
    for (const [index, text] of banner({ url, config, absent }).entries()) say(index === 0 ? colour('bold', text) : text);
    return;
  }
  const servers = Object.fromEntries(Object.keys(config.servers).map((name) => [name, serverUrl(url, name)]));
  log.info({ url, servers, ...otherListeners(edge) }, 'listening');
}

/** Whether a person watches: then there is a banner, and the log holds back what the banner says. */
function isHuman(config: Config): boolean {
  return config.log.format !== 'json' && process.stdout.isTTY;
}

interface Probing {
  readonly log: OpenLog;
  readonly absent: ReadonlySet<string>;
  readonly ended: PromiseWithResolvers<number>;
  /** The process is told to stop: what a probe finds out is no news any more. */
  readonly stopping: AbortSignal;
}

/** Tries the command of a server that is started otherwise now, or for the first time. */
async function probeAgain(worker: Worker, server: ServerConfig, { log, stopping }: Pick<Probing, 'log' | 'stopping'>): Promise<void> {
  const { name } = server;
  const begun = performance.now();
  try {
    const stray = await worker.probe(name);
    if (stray !== undefined) log.warn({ server: name, stray }, 'server wrote a line to stdout that is no json');
    log.info({ server: name, ms: Math.round(performance.now() - begun) }, 'server answers');
  } catch (error) {
    if (stopping.aborted) return;
    const { message, hints } = childFailure(server, error);
    log.error({ server: name, why: message, hint: hints.at(-1) }, 'server cannot be started');
  }
}

/** Tries each command once. When none works there is nothing to serve, and the process ends. */
async function probeAll({ worker }: OpenBridge, config: Config, { log, absent, ended, stopping }: Probing): Promise<void> {
  const names = Object.keys(config.servers);
  const worked = await Promise.all(
    names.map(async (name) => {
      if (absent.has(name)) return false;
      const begun = performance.now();
      try {
        const stray = await worker.probe(name);
        if (stray !== undefined) warn(strayWarning(name, stray));
        log[isHuman(config) ? 'debug' : 'info']({ server: name, ms: Math.round(performance.now() - begun) }, 'server answers');
        return true;
      } catch (error) {
        if (!stopping.aborted) report(childFailure(config.servers[name]!, error));
        return stopping.aborted;
      }
    }),
  );
  if (!worked.includes(true)) ended.resolve(EXIT.child);
}
