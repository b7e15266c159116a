/** Owns `causeway client`: what an MCP client is to have in its configuration to reach a bridge. Writes to no file. */
import { serverUrl } from '../banner.ts';
import { EXIT, Failure, say } from '../failure.ts';
import { CLIENTS, type Entry } from '../mcp/client-configs.ts';
import { parseEndpointLine, serverName, serversOf, type EndpointLine } from '../mcp/endpoint.ts';
import { meant } from '../meant.ts';
import { checkWords, printJson } from '../operation.ts';

const USAGE = 'causeway client claude-code|claude-desktop|cursor|vscode [SERVER] [--url URL] [--api-key KEY] [--header "K: V"]';

export async function client(argv: readonly string[]): Promise<number> {
  const line = await parseEndpointLine(argv, { options: {}, usage: USAGE });
  checkWords(line.words, 2);
  const [word, server] = line.words;
  if (word === undefined) throw new Failure(EXIT.usage, 'which client?', [USAGE]);
  const configOf = Object.hasOwn(CLIENTS, word) ? CLIENTS[word] : undefined;
  if (configOf === undefined) {
    const guess = await meant(word, Object.keys(CLIENTS));
    throw new Failure(EXIT.usage, `no client is known as "${word}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`, [USAGE]);
  }
  const { document, place } = configOf(await entriesOf(line, server));
  printJson(document);
  say(`for ${place}`);
  return EXIT.ok;
}

async function entriesOf(line: EndpointLine, server: string | undefined): Promise<readonly Entry[]> {
  const { headers } = line;
  const place = line.place();
  if (place.kind === 'endpoint') {
    const name = server ?? /\/servers\/([^/]+)\/mcp$/.exec(new URL(place.url).pathname)?.[1];
    if (name === undefined)
      throw new Failure(EXIT.usage, `the client needs a name for ${place.url}`, ['causeway client CLIENT NAME --url URL']);
    return [{ name: serverName(name), url: place.url, headers }];
  }
  const names = await serversOf(place.base, headers);
  if (names.length === 0) throw new Failure(EXIT.unexpected, `${place.base} serves nothing at the moment`);
  if (server !== undefined && !names.includes(server)) {
    const guess = await meant(server, names);
    throw new Failure(EXIT.usage, `there is no server "${server}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`, [
      `there are: ${names.join(', ')}`,
    ]);
  }
  return names
    .filter((name) => server === undefined || name === server)
    .map((name) => ({ name, url: serverUrl(place.base, name), headers }));
}
