/**
 * Owns `causeway nats`: what a NATS with one user for each role needs before the first start. `keys` makes the users'
 * keys, `buckets` makes the buckets as the user that may. Both can be run again: what is there already is kept.
 */
import { openNatsCluster, subjects } from '@causeway/cluster';
import { loadConfig, masked, splitCommand } from '@causeway/config';
import { newWorkerId } from '@causeway/protocol';
import { EXIT, Failure, say, warn } from '../failure.ts';
import { makeKeys } from '../nats-keys.ts';
import { natsOptions } from '../open-bridge.ts';
import { isOwn } from '../own-nats.ts';
import { subverb } from '../operation.ts';
import { loadInput } from '../options.ts';
import { parseLine } from '../parse-line.ts';
import { listenFailure } from '../start-failure.ts';
import { checkNatsFiles } from '../tls-files.ts';

export async function nats(argv: readonly string[]): Promise<number> {
  if (argv[0] === undefined) throw new Failure(EXIT.usage, 'nats what?', ['causeway nats keys | buckets']);
  const [verb, rest] = await subverb('nats', argv, ['keys', 'buckets']);
  if (verb === 'keys') return keys(rest);
  return buckets(rest);
}

async function keys([directory, ...hosts]: readonly string[]): Promise<number> {
  if (directory === undefined || directory.startsWith('-'))
    throw new Failure(EXIT.usage, 'where to?', ['causeway nats keys DIRECTORY HOST…     HOST: each server of the NATS cluster']);
  const { made } = await makeKeys(directory, hosts);
  say(made.length === 0 ? `${directory}: every key is there` : `${directory}: made ${made.join(', ')}`);
  return EXIT.ok;
}

async function buckets(argv: readonly string[]): Promise<number> {
  const loaded = loadConfig({ ...loadInput(parseLine('edge', argv), splitCommand), servers: false, listens: false });
  const { config, warnings } = loaded;
  for (const text of warnings) warn(text);
  const { nats: given } = config;
  if (given === undefined || isOwn(given)) throw new Failure(EXIT.usage, 'which NATS?', ['--nats nats://host:4222, or CAUSEWAY_NATS_URL']);
  checkNatsFiles(loaded);
  try {
    const inbox = subjects(given.prefix).bootInbox(newWorkerId());
    await using _ = await openNatsCluster({ ...natsOptions(given), name: 'causeway-buckets', inbox, warn });
    say(`${given.servers.map(masked).join(',')}: every bucket is there`);
    return EXIT.ok;
  } catch (error) {
    throw await listenFailure(error, config);
  }
}
