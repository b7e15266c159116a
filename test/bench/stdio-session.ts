/** Owns a session with the child itself: the yardstick of added latency. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { check, INITIALIZED, initialize, request, REVISION, toolCall, type BenchSession } from './mcp.ts';

export async function openStdio(command: readonly string[]): Promise<BenchSession> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  let parts: Buffer[] = [];
  let listener: ((lines: Buffer) => void) | undefined;
  child.stdout.on('data', (part: Buffer) => {
    parts.push(part);
    if (part.at(-1) !== 0x0a || !listener) return;
    const lines = Buffer.concat(parts);
    parts = [];
    listener(lines);
  });
  const send = (id: number, body: string): Promise<Buffer> =>
    new Promise((resolve) => {
      listener = (lines) => resolve(check(lines, id, 'stdio'));
      child.stdin.write(`${body}\n`);
    });
  await send(0, request(0, 'initialize', initialize(REVISION.streamable)));
  child.stdin.write(`${INITIALIZED}\n`);
  let id = 0;
  return {
    call(tool, input) {
      id += 1;
      return send(id, toolCall(id, tool, input));
    },
    lend: () => Promise.reject(new Error('the pipes of a child are not lent: lanes.c starts it itself')),
    rest() {},
    async drop() {
      child.kill();
    },
    async close() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
