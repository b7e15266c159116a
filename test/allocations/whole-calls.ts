/** Owns the hot operations that several packages share, and what each may allocate: whole calls, from the client and back. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { openEdge } from '@causeway/edge';
import { openContext, post, type EdgeContext, type Visit } from '@causeway/edge/simulation';
import { ANONYMOUS, CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, MODERN_REVISION, newEdgeId, PROTOCOL_VERSION_KEY } from '@causeway/protocol';
import { createWheel, silentLog, systemClock } from '@causeway/runtime';
import { edgeOptions } from '../simulation/options.ts';
import { requestWith } from '../simulation/response.ts';
import { bridgeWith, Ear } from './bridge.ts';
import type { Operation } from './operation.ts';
import { openTime, type Time } from './time.ts';

const SERVER = 'again';
const CLOSING_BRACE = 0x7d;
const message = (method: string, params: object): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }));
const CALL = message('tools/call', { name: 'echo', arguments: { text: 'x'.repeat(200) } });
const initialize = (protocolVersion: string): Buffer =>
  message('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } });

const visit: Visit = { server: SERVER, base: `/servers/${SERVER}`, identity: ANONYMOUS };

/** Milliseconds from one call to the next. */
const PACE = 0.2;

/** An edge without its listeners in front of a worker, in one process and one time; `tools`: so many are told apart by figures. */
async function openEdgeAlone(tools = 0): Promise<{ readonly edge: EdgeContext; readonly time: Time }> {
  const time = openTime();
  const { clock, wheel } = time;
  const cluster = await bridgeWith(time, tools);
  const deps = { id: newEdgeId(), cluster, log: silentLog(), random: () => 0.5, clock, wheel };
  const options = { ...edgeOptions, diagnostics: { ...edgeOptions.diagnostics, tools } };
  return { edge: await openContext(new AsyncDisposableStack(), deps, options), time };
}

function ask(edge: EdgeContext, headers: Readonly<Record<string, string>>, body: Buffer, ended: (ear: Ear) => void): void {
  post(edge, visit, requestWith(headers, '/mcp'), new Ear(ended).forEdge, body);
}

/** Calls of one session, answered in the form that its revision has. */
async function calls(revision: string, form: string, tools = 0): Promise<Operation> {
  const { edge, time } = await openEdgeAlone(tools);
  const opened = await new Promise<Ear>((resolve) => ask(edge, {}, initialize(revision), resolve));
  assert.equal(opened.status, 200);
  const headers = { 'mcp-session-id': String(opened.headers?.['mcp-session-id']), 'mcp-protocol-version': revision };
  const first = await new Promise<Ear>((resolve) => ask(edge, headers, CALL, resolve));
  assert.equal(first.headers?.['content-type'], form);
  return (done) => {
    time.pass(PACE);
    ask(edge, headers, CALL, done);
  };
}

/** Calls without a session. */
async function statelessCalls(): Promise<Operation> {
  const { edge, time } = await openEdgeAlone();
  const headers = { 'mcp-protocol-version': MODERN_REVISION, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  const meta = {
    [PROTOCOL_VERSION_KEY]: MODERN_REVISION,
    [CLIENT_INFO_KEY]: { name: 'c', version: '1' },
    [CLIENT_CAPABILITIES_KEY]: {},
  };
  const call = message('tools/call', { name: 'echo', arguments: { text: 'x'.repeat(200) }, _meta: meta });
  const first = await new Promise<Ear>((resolve) => ask(edge, headers, call, resolve));
  assert.equal(first.status, 200);
  return (done) => {
    time.pass(PACE);
    ask(edge, headers, call, done);
  };
}

/** The same through an edge's listener, by a client in this process that keeps one connection and one buffer. */
async function callsOverHttp(): Promise<Operation> {
  const revision = '2025-06-18';
  const cluster = await bridgeWith({ clock: systemClock, wheel: createWheel() });
  const edge = await openEdge({ cluster, log: silentLog() }, edgeOptions);
  const url = `${edge.url}/servers/${SERVER}/mcp`;
  const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const opened = await fetch(url, { method: 'POST', headers: accept, body: initialize(revision) });
  await opened.arrayBuffer();
  const headers = {
    host: new URL(url).host,
    ...accept,
    'mcp-session-id': opened.headers.get('mcp-session-id'),
    'mcp-protocol-version': revision,
    'content-length': CALL.length,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.concat([Buffer.from(`POST ${new URL(url).pathname} HTTP/1.1\r\n${lines.join('')}\r\n`), CALL]);
  let answered: () => void;
  const buffer = Buffer.alloc(64 * 1024);
  const callback = (length: number): boolean => {
    assert.equal(buffer[9], 0x32, 'HTTP/1.1 2..');
    if (buffer[length - 1] === CLOSING_BRACE) answered();
    return true;
  };
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true, onread: { buffer, callback } });
  await new Promise<void>((resolve) => void socket.once('connect', resolve));
  return (done) => {
    answered = done;
    socket.write(request);
  };
}

export const operations = [
  {
    name: 'a call through edge and worker, answered with JSON',
    bytes: 17490,
    objects: 237.7,
    open: () => calls('2025-06-18', 'application/json'),
  },
  {
    name: 'the same, of a tool that figures tell apart',
    bytes: 17790,
    objects: 242.7,
    open: () => calls('2025-06-18', 'application/json', 200),
  },
  {
    name: 'a call through edge and worker, answered with an event stream',
    bytes: 20680,
    objects: 285.1,
    open: () => calls('2025-11-25', 'text/event-stream'),
  },
  {
    name: 'a stateless call through edge and worker, to a server with a handshake',
    bytes: 32530,
    objects: 427.3,
    // Too much, as none of it is referred to: a collection of the whole heap frees it all.
    open: statelessCalls,
  },
  { name: 'a call over HTTP, its client included', bytes: 27890, objects: 488, kept: 1000, timed: true, open: callsOverHttp },
];
