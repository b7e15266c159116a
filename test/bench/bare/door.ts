/**
 * Owns the HTTP side of the bare bridge: the least that Streamable HTTP asks of one. It checks nothing, bounds nothing and
 * survives nothing; it is there to tell what Node, HTTP, NATS and a child cost by themselves on a machine.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Far {
  /** Takes a message to the session's child; `answered` is called with its answer, which a notification does not get. */
  send(session: string, body: Buffer, answered: ((answer: Uint8Array) => void) | undefined): void;
  end(session: string): void;
}

const ID = Buffer.from('"id"');

/** Says `listening URL` on stdout, as Causeway does. */
export function openDoor(far: Far): void {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const known = request.headers['mcp-session-id'] as string | undefined;
      if (request.method === 'DELETE') {
        far.end(known!);
        return void response.writeHead(200).end();
      }
      const session = known ?? randomUUID().replaceAll('-', '');
      const body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      if (!body.includes(ID)) {
        far.send(session, body, undefined);
        return void response.writeHead(202).end();
      }
      far.send(session, body, (answer) => respond(response, session, answer));
    });
  });
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
  });
}

function respond(response: ServerResponse, session: string, answer: Uint8Array): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.length, 'Mcp-Session-Id': session });
  response.end(answer);
}
