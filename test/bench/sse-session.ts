/** Owns a session over HTTP+SSE of 2024-11-05: a stream for everything that comes, a connection for what goes. */
import { Connection } from './connection.ts';
import { check, INITIALIZED, initialize, LENT_ID, Line, post, request, REVISION, toolCall, type BenchSession } from './mcp.ts';

export async function openSse(url: URL): Promise<BenchSession> {
  const downstream = await Connection.open(url.hostname, Number(url.port));
  let parts: Buffer[] = [];
  let listener: ((events: Buffer) => void) | undefined;
  let early: Buffer | undefined;
  const head = await downstream.stream(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nAccept: text/event-stream\r\n\r\n`, (part) => {
    parts.push(part);
    // An event ends in an empty line; until the bytes do, the rest is on its way.
    if (part.at(-1) !== 0x0a) return;
    const events = Buffer.concat(parts);
    if (!/\n\r?\n$/.test(events.toString('latin1', -3))) return;
    parts = [];
    if (listener) listener(events);
    else early ??= events;
  });
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`GET ${url.href}: ${head}`);

  // Some bridges tell every client what they tell one: only what bears our id ends a wait.
  const answer = (mark: string): Promise<Buffer> =>
    new Promise((resolve) => {
      const seen: Buffer[] = [];
      listener = (events) => {
        seen.push(events);
        if (!events.includes(mark)) return;
        listener = undefined;
        resolve(Buffer.concat(seen));
      };
      if (early) listener(early);
      early = undefined;
    });

  const endpoint = /data: *(\S+)/.exec((await answer('endpoint')).toString())?.[1];
  if (endpoint === undefined) throw new Error('no endpoint event');
  const target = new URL(endpoint, url);
  target.host = url.host;
  const line = new Line(target);
  const render = post(target, '');
  const send = async (id: number, body: string): Promise<Buffer> => {
    const [events] = await Promise.all([answer(`"id":${id}`), (await line.ready()).exchange(render(body))]);
    return check(events, id, url.href);
  };
  // All of one length, so that no id is the beginning of another.
  let id = (1_000_000 + Math.floor(Math.random() * 7_000_000)) * 1_000_000_000;
  await send(id, request(id, 'initialize', initialize(REVISION.sse)));
  await (await line.ready()).exchange(render(INITIALIZED));
  return {
    call(tool, input) {
      id += 1;
      return send(id, toolCall(id, tool, input));
    },
    async lend(tool, input) {
      const socket = (await line.ready()).lend();
      return { doors: [{ socket, call: render(toolCall(LENT_ID, tool, input)) }], stream: downstream.lendStream() };
    },
    rest() {
      line.close();
    },
    async drop(tool, input) {
      await (await line.ready()).leave(render(toolCall(id + 1, tool, input)));
      line.close();
      downstream.close();
    },
    close() {
      line.close();
      downstream.close();
      return Promise.resolve();
    },
  };
}
