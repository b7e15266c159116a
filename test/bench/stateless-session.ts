/**
 * Owns a client that opens no session: as 2026-07-28 has it, with its metadata in each request and headers that repeat it,
 * or as bridges of the 2025 revisions take it, a call out of the blue.
 */
import { check, Line, post, toolCall, type BenchSession } from './mcp.ts';

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
  const send = async (tool: string, input: object) => {
    id += 1;
    const { url, line } = lines[id % lines.length]!;
    const headers = modern ? `${version}Mcp-Method: tools/call\r\nMcp-Name: ${tool}\r\n` : version;
    return { url, connection: await line.ready(), bytes: post(url, headers)(toolCall(id, tool, input, modern ? META : {})) };
  };
  const rest = (): void => lines.forEach(({ line }) => line.close());
  return {
    async call(tool, input) {
      const { url, connection, bytes } = await send(tool, input);
      const mine = id;
      return check((await connection.exchange(bytes)).body, mine, url.href);
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
