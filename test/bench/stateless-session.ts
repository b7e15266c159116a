/**
 * Owns a client that opens no session: as 2026-07-28 has it, with its metadata in each request and headers that repeat it,
 * or as bridges of the 2025 revisions take it, a call out of the blue.
 */
import { check, LENT_ID, Line, post, toolCall, type BenchSession } from './mcp.ts';

const PREFIX = 'io.modelcontextprotocol/';
const META = {
  [`${PREFIX}protocolVersion`]: '2026-07-28',
  [`${PREFIX}clientInfo`]: { name: 'causeway-bench', version: '1.0.0' },
  [`${PREFIX}clientCapabilities`]: {},
};

export function openStateless(urls: readonly string[], revision: '2025-06-18' | '2026-07-28'): BenchSession {
  const modern = revision === '2026-07-28';
  const lines = urls.map((href) => ({ url: new URL(href), line: new Line(new URL(href)) }));
  const version = `Mcp-Protocol-Version: ${revision}\r\n`;
  let id = Math.floor(Math.random() * lines.length);
  const render = (url: URL, nth: number, tool: string, input: object): string => {
    const headers = modern ? `${version}Mcp-Method: tools/call\r\nMcp-Name: ${tool}\r\n` : version;
    return post(url, headers)(toolCall(nth, tool, input, modern ? META : {}));
  };
  const send = async (tool: string, input: object) => {
    id += 1;
    const { url, line } = lines[id % lines.length]!;
    return { url, connection: await line.ready(), bytes: render(url, id, tool, input) };
  };
  const rest = (): void => lines.forEach(({ line }) => line.close());
  return {
    async call(tool, input) {
      const { url, connection, bytes } = await send(tool, input);
      const mine = id;
      return check((await connection.exchange(bytes)).body, mine, url.href);
    },
    async lend(tool, input) {
      const lent = lines.map(async ({ url, line }) => ({ socket: (await line.ready()).lend(), call: render(url, LENT_ID, tool, input) }));
      return { doors: await Promise.all(lent) };
    },
    rest,
    async drop(tool, input) {
      const { connection, bytes } = await send(tool, input);
      await connection.leave(bytes);
      rest();
    },
    async close() {
      rest();
    },
  };
}
