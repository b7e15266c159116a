/** Owns a server of the stateless era as a session sees it, over a scripted child, and the words that its tests share. */
import assert from 'node:assert/strict';
import { fakeTime, silentLog } from '@causeway/runtime';
import { LegacyOverModern } from '../../src/era/legacy-over-modern.ts';
import { ScriptedChild, type Message } from './scripted-child.ts';

export const VERSION = 'io.modelcontextprotocol/protocolVersion';
export const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const INFO = 'io.modelcontextprotocol/clientInfo';
export const LEVEL = 'io.modelcontextprotocol/logLevel';
export const SERVER = 'io.modelcontextprotocol/serverInfo';
export const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
export const CLIENT = { name: 'c', version: '1' };
export const ANSWERS_ALL = { elicitation: {}, sampling: {}, roots: {} };
export const SAYS_ALL = {
  logging: {},
  tools: { listChanged: true },
  prompts: {},
  resources: { listChanged: true, subscribe: true },
  extensions: { 'x/y': {} },
};

export type Result = Readonly<Record<string, unknown>>;

interface Heard extends Message {
  /** The call that it came with. */
  readonly about?: number;
}

export class Stage {
  readonly time = fakeTime();
  readonly said: string[] = [];
  readonly #about: (number | undefined)[] = [];
  readonly child: ScriptedChild;
  readonly adapter: LegacyOverModern;
  exits = 0;

  constructor() {
    const adapter = new LegacyOverModern({
      ...{ server: 'git', wheel: this.time.wheel, log: silentLog() },
      listeners: {
        line: (bytes, about) => {
          this.said.push(bytes.toString());
          this.#about.push(about);
        },
        broken: () => assert.fail('it is whole'),
        exit: () => {
          this.exits += 1;
        },
      },
    });
    this.child = new ScriptedChild(adapter.hearing);
    this.adapter = adapter.attach(this.child);
  }

  write(message: Message | string): boolean {
    return this.adapter.write(Buffer.from(typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })));
  }

  /** What the session has heard and nobody has taken yet. */
  heard(): Heard[] {
    const about = this.#about.splice(0);
    return this.said
      .splice(0)
      .map((line, at) => ({ ...(JSON.parse(line) as Message), ...(about[at] === undefined ? {} : { about: about[at] }) }));
  }

  /** The one message that the server was given. */
  given(): Message {
    const [only, ...more] = this.child.take();
    assert.deepEqual(more, []);
    return only!;
  }

  /** Shakes hands; gives the id of the subscription. */
  open(capabilities: object = SAYS_ALL, client: object = ANSWERS_ALL): number {
    this.write({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: { ...client }, clientInfo: CLIENT } });
    this.child.say({ id: this.given().id!, result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities } });
    this.heard();
    this.write({ method: 'notifications/initialized' });
    return (this.child.take()[0]?.id as number | undefined) ?? -1;
  }

  /** Agrees to a subscription. */
  agree(id: number, uris: readonly string[] = []): void {
    const notifications = { toolsListChanged: true, ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}) };
    this.child.say({ method: 'notifications/subscriptions/acknowledged', params: { notifications, _meta: { [SUBSCRIPTION]: id } } });
  }
}

export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const meta = (message: Message): Record<string, unknown> => message.params!['_meta'] as Record<string, unknown>;
export const call = (id: number, more: object = {}): Message => ({
  id,
  method: 'tools/call',
  params: { name: 't', arguments: {}, ...more },
});
export const asks = (requests: object, requestState?: unknown): Result => ({
  resultType: 'input_required',
  ...(Object.keys(requests).length > 0 ? { inputRequests: requests } : {}),
  ...(requestState === undefined ? {} : { requestState }),
});
export const FORM = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'who?', requestedSchema: { type: 'object', properties: {} } },
};
