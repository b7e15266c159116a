/**
 * Owns a session over Streamable HTTP. With several URLs, those of a cluster's edges, it has a connection to each and every
 * request goes to the next one.
 */
import { check, INITIALIZED, initialize, LENT_ID, Line, post, request, REVISION, toolCall, type BenchSession } from './mcp.ts';

interface Door {
  readonly url: URL;
  readonly line: Line;
  readonly render: (body: string) => string;
}

export async function openStreamable(urls: readonly string[]): Promise<BenchSession> {
  const first = new URL(urls[Math.floor(Math.random() * urls.length)]!);
  const opener = new Line(first);
  const opened = await (await opener.ready()).exchange(post(first, '')(request(0, 'initialize', initialize(REVISION.streamable))));
  const session = /\r\nmcp-session-id: *([^\r]+)/i.exec(opened.head)?.[1];
  if (opened.status !== 200 || session === undefined) throw new Error(`initialize: ${opened.head}${opened.body.toString()}`);
  const headers = `Mcp-Session-Id: ${session}\r\nMcp-Protocol-Version: ${REVISION.streamable}\r\n`;
  const doors: readonly Door[] = urls.map((href) => {
    const url = new URL(href);
    return { url, line: url.href === first.href ? opener : new Line(url), render: post(url, headers) };
  });
  let turn = doors.findIndex(({ line }) => line === opener);
  const next = (): Door => doors[turn++ % doors.length]!;
  const send = async ({ line, render }: Door, body: string) => (await line.ready()).exchange(render(body));
  const noted = await send(next(), INITIALIZED);
  if (noted.status !== 202) throw new Error(`initialized: ${noted.head}`);
  const rest = (): void => doors.forEach(({ line }) => line.close());
  let id = 0;
  return {
    async call(tool, input) {
      id += 1;
      const door = next();
      const { body } = await send(door, toolCall(id, tool, input));
      return check(body, id, door.url.href);
    },
    async lend(tool, input) {
      const lent = doors.map(async ({ line, render }) => ({
        socket: (await line.ready()).lend(),
        call: render(toolCall(LENT_ID, tool, input)),
      }));
      return { doors: await Promise.all(lent) };
    },
    rest,
    async drop(tool, input) {
      const { url, line, render } = next();
      const stream = new Line(url);
      await (
        await stream.ready()
      ).stream(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nAccept: text/event-stream\r\n${headers}\r\n`, () => {});
      await (await line.ready()).leave(render(toolCall(id + 1, tool, input)));
      stream.close();
      rest();
    },
    async close() {
      rest();
      const { url, line } = next();
      await (await line.ready()).exchange(`DELETE ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n${headers}\r\n`);
      rest();
    },
  };
}
