/**
 * Owns the stand-in for echo.c where there is no C compiler: same tools, same answers, slower. A run with it
 * says so, because then the child may be the limit.
 */
import { stdin, stdout } from 'node:process';

const letters = new Map();
let rest = '';

function call(id, { name, arguments: input = {}, _meta: meta }) {
  if (name === 'burst' && meta?.progressToken !== undefined) {
    let lines = '';
    for (let progress = 1; progress <= input.count; progress++) {
      const params = { progressToken: meta.progressToken, progress, total: input.count };
      lines += `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params })}\n`;
    }
    stdout.write(lines);
  }
  if (input.size !== undefined && !letters.has(input.size)) letters.set(input.size, 'x'.repeat(input.size));
  return { content: [{ type: 'text', text: letters.get(input.size) ?? input.text ?? '' }] };
}

function resultOf({ id, method, params }) {
  if (method === 'tools/call') return call(id, params);
  if (method === 'tools/list') return { tools: ['echo', 'burst'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
  if (method !== 'initialize') return {};
  return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bench-echo', version: '1.0.0' } };
}

stdin.setEncoding('utf8');
stdin.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.method === undefined || message.id === undefined) continue;
    stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) })}\n`);
  }
});
