/**
 * Owns `causeway doctor`: what would go wrong at a start, found before it. Exit 0, 1 when something is wrong, 4 when
 * NATS is out of reach. Keeps: nothing is started and nothing is changed.
 */
import { styleText } from 'node:util';
import { examineNats, findNatsServer, type Finding, type NatsExamination } from '@causeway/cluster';
import { loadConfig, splitCommand, type Config, type Loaded } from '@causeway/config';
import { EXIT } from '../failure.ts';
import { lookAtCertificate, lookAtFiles, lookAtPorts, lookAtServers } from '../machine.ts';
import { natsOptions } from '../open-bridge.ts';
import { isOwn } from '../own-nats.ts';
import { formatOf, print, printJson } from '../operation.ts';
import { loadInput } from '../options.ts';
import { parseLine } from '../parse-line.ts';
import { checkNatsFiles } from '../tls-files.ts';

const SIGN = { ok: '✔', warn: '!', fail: '✖' } as const;
const COLOUR = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export async function doctor(argv: readonly string[]): Promise<number> {
  const { json, rest } = formatOf(argv);
  const loaded = loadConfig(loadInput(parseLine('doctor', rest), splitCommand));
  const { config, file, warnings } = loaded;
  const servers = Object.values(config.servers);
  const nats = await lookAtNats(loaded);
  const findings: Finding[] = [
    lookAtConfig(config, file),
    ...warnings.map((text): Finding => ({ name: 'config', state: 'warn', text })),
    ...nats.findings,
    ...(await lookAtIssuer(config)),
    ...lookAtServers(servers, process.env),
    ...lookAtCertificate(loaded),
    lookAtFiles(config.worker.capacity),
    ...(await lookAtPorts(config)),
  ];
  const state = (['fail', 'warn'] as const).find((one) => findings.some((finding) => finding.state === one)) ?? 'ok';
  if (json) printJson({ state, checks: findings });
  else
    print(
      findings.map((finding) => `${styleText(COLOUR[finding.state], SIGN[finding.state], { stream: process.stdout })} ${finding.text}`),
    );
  if (!nats.reachable) return EXIT.unreachable;
  return state === 'fail' ? EXIT.unexpected : EXIT.ok;
}

/** Without servers a process of its own has nothing to do; an edge learns them from the workers. */
function lookAtConfig({ servers, nats }: Config, file: string | undefined): Finding {
  const count = Object.keys(servers).length;
  const text = `${file ?? 'no configuration file'}, ${count === 1 ? '1 server' : `${count} servers`}`;
  if (count > 0) return { name: 'config', state: 'ok', text };
  if (nats !== undefined) return { name: 'config', state: 'ok', text: `${text}: enough for an edge` };
  return { name: 'config', state: 'warn', text: `${text}: "run" would have nothing to serve; give --config FILE, or a command` };
}

async function lookAtNats(loaded: Loaded): Promise<NatsExamination> {
  const { nats } = loaded.config;
  if (isOwn(nats)) return lookForServer();
  const fault = natsFault(loaded);
  if (fault !== undefined) return { reachable: false, findings: [{ name: 'nats', state: 'fail', text: fault }] };
  if (nats !== undefined) return examineNats({ ...natsOptions(nats), name: 'causeway-doctor' });
  return { reachable: true, findings: [{ name: 'nats', state: 'ok', text: 'no NATS configured: one process, bus in memory' }] };
}

/** The identity provider whose tokens edges are to accept. */
async function lookAtIssuer({ auth: { jwt } }: Config): Promise<Finding[]> {
  if (!jwt) return [];
  const finding = (state: Finding['state'], text: string): Finding => ({
    name: 'auth',
    state,
    text: `identity provider ${jwt.issuer}: ${text}`,
  });
  // Whoever has none need not load an edge.
  const { examineIssuer } = await import('@causeway/edge');
  try {
    const { url, keys } = await examineIssuer(jwt);
    return [keys === 0 ? finding('fail', `no keys at ${url}`) : finding('ok', `${keys === 1 ? '1 key' : `${keys} keys`} at ${url}`)];
  } catch (error) {
    return [finding('fail', (error as Error).message)];
  }
}

/** What is wrong with the files that it is met with. */
function natsFault(loaded: Loaded): string | undefined {
  try {
    checkNatsFiles(loaded);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function lookForServer(): Promise<NatsExamination> {
  try {
    const { path, version } = await findNatsServer();
    return {
      reachable: true,
      findings: [{ name: 'nats', state: 'ok', text: `nats-server ${version} at ${path}, for "causeway run" alone` }],
    };
  } catch (error) {
    return { reachable: false, findings: [{ name: 'nats', state: 'fail', text: (error as Error).message }] };
  }
}
