/**
 * Owns what is looked at when a world has become quiet: what its processes hold, what a refusal causes, and what can be
 * read by whoever may not know a secret.
 */
import { readdir, readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { toolCall } from '../harness/speak.ts';
import type { Census } from './census.ts';
import type { World } from './cluster.ts';
import type { Holdings } from './invariants/counts.ts';
import type { Memory, Place, Refusals } from './invariants/leaks.ts';
import type { Eye } from './kv.ts';
import { send } from './wire.ts';

/** Milliseconds that a message may take to be seen. */
const SEEN = 500;

export async function holdings(world: World): Promise<readonly Holdings[]> {
  const connections = await world.nats.connections();
  return Promise.all(
    [...world.workers, ...world.edges].map(async ({ name, id, pid }) => {
      const own = connections.filter((one) => one.name.includes(id));
      return {
        name: `${name} (${id})`,
        descriptors: (await readdir(`/proc/${pid}/fd`)).length,
        subscriptions: own.reduce((sum, { subjects }) => sum + subjects.length, 0),
      };
    }),
  );
}

export function memories({ workers, edges }: World): Promise<readonly Memory[]> {
  return Promise.all(
    [...workers, ...edges].map(async ({ name, id, pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const mib = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024);
      return { name: `${name} (${id})`, now: mib('VmRSS'), peak: mib('VmHWM') };
    }),
  );
}

/** Asks every edge for what it must refuse, while nobody else asks for anything. */
export async function refusals({ edges }: World, server: string, eye: Eye, census: Census): Promise<Refusals> {
  const agent = new Agent();
  const subjects: string[] = [];
  const before = census.children.length;
  using _ = eye.tap('>', ({ subject }) => void subjects.push(subject));
  await eye.nc.flush();
  const hello = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  };
  const good = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const strange = { 'mcp-session-id': `1${'A'.repeat(63)}`, 'mcp-protocol-version': '2025-11-25' };
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ['a strange host', { ...good, host: 'evil.example' }, JSON.stringify(hello)],
    ['a strange origin', { ...good, origin: 'https://evil.example' }, JSON.stringify(hello)],
    ['another content type', { ...good, 'content-type': 'text/plain' }, JSON.stringify(hello)],
    ['no acceptable answer', { ...good, accept: 'text/html' }, JSON.stringify(hello)],
    ['what is no JSON', good, '{'],
    ['what is no JSON-RPC', good, '{"hello":1}'],
    ['a forged session id', { ...good, ...strange }, JSON.stringify(toolCall(1, 'echo'))],
    ['no session id', good, JSON.stringify(toolCall(1, 'echo'))],
  ];
  const asked = await Promise.all(
    edges.flatMap(({ process }) =>
      cases.map(async ([what, headers, body]) => {
        const ended = await send({ agent, url: process.url(server), method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) });
        return { what, status: ended.kind === 'answered' ? ended.status : 0 };
      }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, SEEN));
  await census.next();
  agent.destroy();
  return { asked, subjects, children: census.children.length - before };
}

/** Logs of every life of every process, and everything that the buckets hold but the key, which is one. */
export async function readable({ workers, edges }: World, eye: Eye): Promise<readonly Place[]> {
  const logs = [...workers, ...edges].flatMap(({ name, lives }) =>
    lives.map((life) => ({ where: `the log of ${name}`, text: life.stdout() + life.stderr() })),
  );
  const buckets = await Promise.all(
    (['workers', 'sessions'] as const).map(async (bucket) => {
      const values = await eye.raw(bucket);
      return {
        where: `the bucket ${bucket}`,
        text: [...values].map(([key, value]) => `${key} ${new TextDecoder().decode(value)}`).join('\n'),
      };
    }),
  );
  return [...logs, ...buckets];
}

/** Environments of the children that live and serve one of these sessions. */
export async function environments(census: Census, ids: readonly string[]): Promise<readonly Place[]> {
  const { live } = await census.next();
  const children = live.filter(({ session }) => ids.some((id) => id.includes(session)));
  return Promise.all(
    children.map(async ({ pid }) => ({
      where: `the environment of another server's child`,
      text: await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
    })),
  );
}
