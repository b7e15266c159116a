/**
 * Owns the closed loop where it is the compiled one (lanes.c): opens the sessions, lends their connections, passes its words
 * on, and closes what it opened.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Figures, JobOf } from './job.ts';
import { closeAll, openMany, tell } from './loop.ts';
import { INITIALIZED, initialize, LENT_ID, request, REVISION, toolCall, type Lent, type Route } from './mcp.ts';

/** The descriptor of the first lent connection in the other process. */
const FIRST = 3;

export async function callsIn(binary: string, route: Route, job: JobOf<'calls'>): Promise<Figures> {
  const width = job.sessions * (job.perUrl && 'urls' in route ? route.urls.length : 1);
  const head = (lanes: number): string => `${job.warmMs} ${job.runMs} ${job.bytes} ${lanes}\n`;
  if (route.kind === 'stdio') return run(binary, [], head(1) + childLane(route.command, job.input));
  const sessions = await openMany(route, width);
  const lent = await Promise.all(sessions.map((session) => session.lend('echo', job.input)));
  // One that has just connected begins to be read in this turn: only from the next on does lending end that.
  await new Promise((resolve) => setImmediate(resolve));
  const sockets = lent.flatMap(({ doors, stream }) => [
    ...doors.map(({ socket }) => socket),
    ...(stream === undefined ? [] : [stream.socket]),
  ]);
  const descriptors = new Map(sockets.map((socket, at) => [socket, FIRST + at]));
  try {
    return await run(binary, sockets, head(lent.length) + lent.map((one) => lane(one, (socket) => descriptors.get(socket)!)).join(''));
  } finally {
    for (const socket of sockets) socket.destroy();
    await closeAll(sessions);
  }
}

type Sockets = readonly Lent['doors'][number]['socket'][];

async function run(binary: string, sockets: Sockets, plan: string): Promise<Figures> {
  const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit', ...sockets] });
  const ended = once(child, 'exit');
  child.stdin!.end(plan);
  let figures: Figures | undefined;
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === 'begin' || line === 'end') tell({ phase: line });
    else figures = JSON.parse(line) as Figures;
  }
  const [code] = await ended;
  if (figures === undefined) throw new Error(`the load ended with ${String(code)}`);
  return figures;
}

function lane({ doors, stream }: Lent, descriptor: (socket: Lent['doors'][number]['socket']) => number): string {
  const kind = stream === undefined ? 'http' : `sse ${descriptor(stream.socket)} ${stream.coding}`;
  return `${kind} ${doors.length}\n${doors.map(({ socket, call }) => door(descriptor(socket), call)).join('')}`;
}

function childLane(command: readonly string[], input: object): string {
  const lines = [...command, request(0, 'initialize', initialize(REVISION.streamable)), INITIALIZED];
  return `child ${command.length}\n${lines.join('\n')}\n${door(0, `${toolCall(LENT_ID, 'echo', input)}\n`)}`;
}

function door(descriptor: number, call: string): string {
  const after = (mark: string): number => call.indexOf(mark + LENT_ID) + mark.length;
  return `${descriptor} ${after('"id":')} ${after('"progressToken":')} ${Buffer.byteLength(call)}\n${call}\n`;
}
