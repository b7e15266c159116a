/**
 * Owns the way of a session's message, which speaks an era with a handshake, to a server of the stateless era: what that
 * has a word for goes there with what servers of that era want to know of a client, the rest is answered here.
 *
 * Invariants: what is refused by `false` was not written and will not be answered; everything else that asks is answered.
 */
import { DONE, isLogLevel, numberAt, outlineOf, requestedRevision, textOf, type Depth, type Outline } from '@causeway/protocol';
import { ClientMeta } from './client-meta.ts';
import type { FromServer } from './from-server.ts';
import type { AdapterParts } from './parts.ts';

const DEPTH: Depth = { params: { _meta: {} } };
/** What servers with a handshake do not have. */
const UNKNOWN: ReadonlySet<string> = new Set(['server/discover', 'subscriptions/listen']);
/** What servers of the stateless era have no use for. */
const SWALLOWED: ReadonlySet<string> = new Set([
  'notifications/roots/list_changed',
  'notifications/progress',
  'notifications/tasks/status',
]);

export class FromClient {
  readonly #parts: AdapterParts;
  readonly #fromServer: FromServer;

  constructor(parts: AdapterParts, fromServer: FromServer) {
    this.#parts = parts;
    this.#fromServer = fromServer;
  }

  /** As `Child.write`. */
  write(bytes: Buffer): boolean {
    const message = outlineOf(bytes, DEPTH);
    // Edges pass on what they have read: there is nothing else.
    if (!message) return this.#parts.send(bytes);
    const method = textOf(bytes, message, 'method');
    const id = message.of.get('id');
    if (method === undefined) {
      const known = this.#parts.asking.answer(numberAt(bytes, id), bytes, message);
      if (!known) this.#parts.log.debug({}, 'answer to no open question dropped');
      return true;
    }
    return id ? this.#request(method, numberAt(bytes, id), bytes, message) : this.#notification(method, bytes, message);
  }

  #request(method: string, internal: number, bytes: Buffer, message: Outline): boolean {
    const { declared, tell } = this.#parts;
    if (method.startsWith('tasks/') || UNKNOWN.has(method)) return this.#refuse(internal);
    const text = (name: string): string | undefined => textOf(bytes, message.inside.get('params'), name);
    switch (method) {
      case 'initialize':
        return this.#initialize(internal, bytes, message);
      case 'ping':
        tell(internal, DONE);
        return true;
      case 'logging/setLevel':
        return declared.logging ? this.#setLevel(internal, text('level')) : this.#refuse(internal);
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return declared.subscribe ? this.#subscribe(internal, text('uri'), method === 'resources/subscribe') : this.#refuse(internal);
      default:
        return this.#call(method, internal, bytes, message);
    }
  }

  #refuse(internal: number, code = -32601, message = 'Method not found'): true {
    this.#parts.tell(internal, `"error":${JSON.stringify({ code, message })}`);
    return true;
  }

  #call(method: string, internal: number, bytes: Buffer, message: Outline): boolean {
    const { calls, clientMeta, level, declared, mint, send } = this.#parts;
    if (calls.full) return false;
    const id = mint();
    if (!send(clientMeta.wrap(bytes, message, { id, logLevel: declared.logging ? level : undefined }))) return false;
    calls.begin({ id, internal, method, bytes, message });
    return true;
  }

  /** The client shakes hands: the server is asked what it is. */
  #initialize(internal: number, bytes: Buffer, message: Outline): boolean {
    const parts = this.#parts;
    parts.clientMeta = new ClientMeta(bytes, message.inside.get('params'));
    const requested = requestedRevision(bytes);
    const id = parts.ask('server/discover', undefined, (answer, found) => {
      this.#fromServer.discovered(internal, requested, answer, found);
    });
    return id !== undefined;
  }

  #setLevel(internal: number, level: string | undefined): true {
    if (!isLogLevel(level)) return this.#refuse(internal, -32602, 'Invalid params: level is none that there is.');
    this.#parts.level = level;
    this.#parts.tell(internal, DONE);
    return true;
  }

  #subscribe(internal: number, uri: string | undefined, on: boolean): true {
    const { subscription, tell } = this.#parts;
    if (uri === undefined) return this.#refuse(internal, -32602, 'Invalid params: uri must be a string.');
    const told = (agreed: boolean): void => {
      if (agreed) tell(internal, DONE);
      else this.#refuse(internal, -32602, 'The server does not tell of changes of this resource.');
    };
    if (!on) {
      subscription.delete(uri);
      told(true);
    } else if (!subscription.add(uri, told)) {
      this.#refuse(internal, -32603, 'Too many resources are subscribed to.');
    }
    return true;
  }

  #notification(method: string, bytes: Buffer, message: Outline): boolean {
    const { calls, cancel, declared, clientMeta, send, subscription } = this.#parts;
    if (SWALLOWED.has(method)) return true;
    if (method === 'notifications/initialized') {
      subscription.begin(declared.lists);
      return true;
    }
    if (method !== 'notifications/cancelled') return send(clientMeta.wrap(bytes, message, {}));
    const call = calls.of(bytes, message.inside.get('params')?.of.get('requestId'));
    if (!call) return true;
    const { id } = call;
    calls.end(call);
    if (id !== undefined) cancel(id);
    return true;
  }
}
