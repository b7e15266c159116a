/**
 * Owns whom `tools`, `call` and `client` are about: the options that they share, and the way from them to a URL.
 * Invariant: keys and headers go to the address that they were given for, and nowhere else.
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { durationMs } from '@causeway/config';
import { findBridges, onlyCluster } from '../admin-file.ts';
import { serverUrl } from '../banner.ts';
import { EXIT, Failure } from '../failure.ts';
import { ask } from '../http-question.ts';
import { optionFailure } from '../meant.ts';
import { pairOf } from '../options.ts';

type Headers = Readonly<Record<string, string>>;

/** For a command that waits. */
export const TIMEOUT = { timeout: { type: 'string' } } as const;
/** Longer than a bridge lets a call take, unless it was told otherwise. */
const PATIENCE = '10m';
/** What a timer of Node can count. */
const LONGEST = 2 ** 31 - 1;

/** A whole bridge by its address, or one endpoint, of whomever. */
export type Place = { readonly kind: 'bridge'; readonly base: string } | { readonly kind: 'endpoint'; readonly url: string };

export interface EndpointLine {
  readonly words: readonly string[];
  /** Throws a `Failure` for what is no URL, and where nobody is there to be asked. */
  readonly place: () => Place;
  readonly headers: Headers;
  /** Text of an option, of the last one where it was given several times. */
  readonly text: (name: string) => string | undefined;
  /** Whether a switch was given. */
  readonly has: (name: string) => boolean;
}

/** Milliseconds for the list of a bridge's servers. */
const WAIT = 10_000;
const NAME_ONE = 'name one with --url http://HOST:PORT/mcp';

const SHARED = {
  url: { type: 'string' },
  'api-key': { type: 'string' },
  header: { type: 'string', multiple: true },
} as const;

export interface Grammar {
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly usage: string;
}

/** Throws a `Failure` for what cannot be meant. */
export async function parseEndpointLine(argv: readonly string[], { options: own, usage }: Grammar): Promise<EndpointLine> {
  const options = { ...SHARED, ...own };
  const { values, positionals } = await parse(argv, options, usage);
  const texts = (name: string): string[] => [values[name]].flat().filter((value) => typeof value === 'string');
  const text = (name: string): string | undefined => texts(name).at(-1);
  const key = text('api-key');
  return {
    words: positionals,
    place: () => placeOf(text('url')),
    headers: { ...(key === undefined ? {} : bearer(key)), ...Object.fromEntries(texts('header').map(headerOf)) },
    text,
    has: (name) => values[name] === true,
  };
}

async function parse(
  argv: readonly string[],
  options: Grammar['options'],
  usage: string,
): Promise<{ readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] }> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw await optionFailure(error, options, usage);
  }
}

export function bearer(key: string): Headers {
  if (/^[\x21-\x7e]+$/.test(key)) return { Authorization: `Bearer ${key}` };
  throw new Failure(EXIT.usage, '--api-key: expected a key, without blanks');
}

/** Milliseconds for all that is asked. */
export function timeoutOf(line: EndpointLine): number {
  const text = line.text('timeout') ?? PATIENCE;
  const ms = durationMs(text);
  if (ms !== undefined && ms > 0) return Math.min(ms, LONGEST);
  throw new Failure(EXIT.usage, `--timeout ${text}: expected a time, e.g. 5m`);
}

function headerOf(text: string): [name: string, value: string] {
  const [name, value] = pairOf(text, ':', '--header');
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return [name, value];
  throw new Failure(EXIT.usage, `--header ${text}: expected "Name: value"`);
}

/** `url` without a path is the address of a bridge. */
function placeOf(url: string | undefined): Place {
  if (url === undefined) {
    const bridge = onlyCluster(findBridges(), ({ serves }) => `--url ${serves}`);
    if (bridge === undefined) throw new Failure(EXIT.unreachable, 'no bridge of this user runs on this machine', [NAME_ONE]);
    return { kind: 'bridge', base: bridge.serves };
  }
  const full = url.includes('://') ? url : `http://${url}`;
  if (!URL.canParse(full) || !/^https?:/.test(full)) throw new Failure(EXIT.usage, `--url ${url}: not an http URL`);
  const { origin, pathname, search } = new URL(full);
  return pathname === '/' && search === '' ? { kind: 'bridge', base: origin } : { kind: 'endpoint', url: full };
}

/** The endpoint of a server; of the default one where none is named. */
export function endpointUrl(place: Place, server: string | undefined): string {
  if (place.kind === 'bridge') return server === undefined ? `${place.base}/mcp` : serverUrl(place.base, serverName(server));
  if (server === undefined) return place.url;
  throw new Failure(EXIT.usage, `"${server}" is one server too many: ${place.url} is the endpoint of one`, [
    'the URL of a bridge has no path: --url http://HOST:PORT',
  ]);
}

export function serverName(word: string): string {
  if (/^[\w.-]{1,64}$/.test(word)) return word;
  throw new Failure(EXIT.usage, `${JSON.stringify(word)} is no name of a server`);
}

/** The names of what a bridge serves, as it tells its clients. Rejects with a `Failure`. */
export async function serversOf(base: string, headers: Headers): Promise<readonly string[]> {
  const { status, text } = await ask(new URL(base), { headers, wait: WAIT, hints: [NAME_ONE] });
  if (status === 401) throw new Failure(EXIT.auth, `${base} asks for a key`, ['give one that its clients have: --api-key KEY']);
  const { name, servers } = objectIn(text);
  if (status === 200 && name === 'causeway') return Object.keys(servers ?? {});
  throw new Failure(EXIT.unreachable, `${base} is no bridge (status ${status})`, [NAME_ONE]);
}

function objectIn(text: string): { readonly name?: unknown; readonly servers?: object } {
  try {
    return { ...(JSON.parse(text) as object) };
  } catch {
    return {};
  }
}
