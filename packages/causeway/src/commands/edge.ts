/** Owns `causeway edge`: the HTTP side of a bridge over NATS. It knows no servers: it learns them from the workers. */
import { loadConfig, masked, splitCommand } from '@causeway/config';
import { newEdgeId } from '@causeway/protocol';
import { openLog, runProcess, type OpenLog, type Running } from '@causeway/runtime';
import type { Config } from '@causeway/config';
import { announce } from '../admin-file.ts';
import { EXIT, Failure, report, warn } from '../failure.ts';
import { isOwn } from '../own-nats.ts';
import { openEdgeOn, openNatsFor, otherListeners } from '../open-bridge.ts';
import { loadInput, type Line } from '../options.ts';
import { openProbes } from '../probes.ts';
import { rereader, rereads, type Begun } from '../reread.ts';
import { listenFailure } from '../start-failure.ts';
import { checkedCertificate, checkNatsFiles } from '../tls-files.ts';

export async function edge(line: Line): Promise<number> {
  if (line.words.length > 0)
    throw new Failure(EXIT.usage, `an edge starts no servers, and "${line.words.join(' ')}" is left over`, [
      'the workers do: causeway worker --nats URL -- COMMAND',
    ]);
  const input = { ...loadInput(line, splitCommand), servers: false };
  const loaded = loadConfig(input);
  const { config, warnings } = loaded;
  for (const text of warnings) warn(text);
  if (config.nats === undefined || isOwn(config.nats))
    throw new Failure(EXIT.usage, 'an edge needs the NATS servers that its workers are on', [
      ...(isOwn(config.nats) ? ['auto is a server for "causeway run" alone'] : []),
      '--nats nats://host:4222, or CAUSEWAY_NATS_URL, or "nats:" in the file',
      'without NATS: causeway run, everything in one process',
    ]);
  checkedCertificate(loaded);
  checkNatsFiles(loaded);
  const id = newEdgeId();
  await using log = await openLog({ ...config.log, service: 'causeway-edge', instance: id });
  return runProcess({
    ...{ log, drain: config.drain, failed: report, rereads: rereads({ input, loaded }) },
    start: (abandon) => start({ input, loaded, log, id, abandon }),
  });
}

interface Start extends Begun {
  readonly log: OpenLog;
  readonly id: ReturnType<typeof newEdgeId>;
  readonly abandon: AbortSignal;
}

async function start({ input, loaded, log, id, abandon }: Start): Promise<Running> {
  const { config } = loaded;
  await using stack = new AsyncDisposableStack();
  try {
    const { health, metrics, listener, started, connected } = stack.use(await openProbes('edge', config, log));
    log.info({ url: config.nats!.servers.map(masked).join(',') }, 'connecting to nats');
    const cluster = stack.use(await openNatsFor({ edge: id }, { config, log, signal: abandon }));
    connected(cluster.bus);
    const own: Config = { ...config, diagnostics: { ...config.diagnostics, port: false } };
    const opened = stack.use(await openEdgeOn(cluster, own, log, { id, health, metrics }));
    started();
    stack.use(announce(opened, config.admin.token !== undefined, log));
    log.info({ url: opened.url, ...listener, ...otherListeners(opened) }, 'listening');
    const owned = stack.move();
    const reread = rereader({ input, loaded, log, edge: opened });
    return { reread, unready: () => opened.unready(), drain: (ms) => opened.drain(ms), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    throw await listenFailure(error, config);
  }
}
