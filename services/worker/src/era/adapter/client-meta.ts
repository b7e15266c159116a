/**
 * Owns what every message to a server of the stateless era says of its client: made once from the client's `initialize`,
 * and put into each message without touching the rest of it. Pure.
 * Source: 2026-07-28 basic/index (`_meta`); WIRE: 2025 client to 2026 server.
 *
 * Invariants: nothing that a client writes in its own `_meta` can pass for that; members that only the eras with
 * a handshake know, or that only a repeated call has, are taken out.
 */
import {
  CLIENT_CAPABILITIES_KEY,
  CLIENT_INFO_KEY,
  CLIENT_META_KEYS,
  isNull,
  LOG_LEVEL_KEY,
  MODERN_REVISION,
  outlineOf,
  PROTOCOL_VERSION_KEY,
  slice,
  splice,
  valueAt,
  withoutMembers,
  type ClientCapabilities,
  type Edit,
  type LogLevel,
  type Members,
  type Outline,
} from '@causeway/protocol';
import { change, joined } from './change.ts';

const OWN: ReadonlySet<string> = new Set(CLIENT_META_KEYS);
const FOREIGN: ReadonlySet<string> = new Set(['task', 'inputResponses', 'requestState']);
const FOREIGN_AND_META: ReadonlySet<string> = new Set([...FOREIGN, '_meta']);
const PARAMS: ReadonlySet<string> = new Set(['params']);
const TASKS: ReadonlySet<string> = new Set(['tasks']);

/** What a message is to be besides what its client wrote. */
export interface Wrapping {
  /** Of a request: its id at the server, which is its progress token too, where the client wants progress. */
  readonly id?: number;
  readonly logLevel?: LogLevel | undefined;
  /** Members of `params`, JSON text. */
  readonly more?: string;
}

export class ClientMeta {
  /** What the client can be asked. */
  readonly capabilities: ClientCapabilities;
  readonly #text: string;

  /** `params`: those of `initialize`, among `bytes`. */
  constructor(bytes: Buffer = Buffer.alloc(0), params?: Members) {
    const declared = objectOf(bytes, params, 'capabilities', TASKS) ?? Buffer.from('{}');
    const info = objectOf(bytes, params, 'clientInfo');
    this.capabilities = valueAt(declared, { start: 0, end: declared.length }) as ClientCapabilities;
    this.#text = joined(
      `"${PROTOCOL_VERSION_KEY}":"${MODERN_REVISION}"`,
      `"${CLIENT_CAPABILITIES_KEY}":${declared.toString()}`,
      info === undefined ? undefined : `"${CLIENT_INFO_KEY}":${info.toString()}`,
    );
  }

  /** The members of `_meta`, JSON text. */
  members(logLevel?: LogLevel): string {
    return logLevel === undefined ? this.#text : `${this.#text},"${LOG_LEVEL_KEY}":"${logLevel}"`;
  }

  /** The client's message for the server; `message` has its `params` and their `_meta` looked into. */
  wrap(bytes: Buffer, message: Outline, { id, logLevel, more }: Wrapping): Buffer {
    const edits: Edit[] = [];
    const number = Buffer.from(String(id));
    const ownId = message.of.get('id');
    if (id !== undefined && ownId) edits.push({ span: ownId, bytes: number });
    const params = message.inside.get('params');
    const meta = params?.inside.get('_meta');
    const members = this.members(logLevel);
    const whole = joined(more, `"_meta":{${members}}`);
    if (!params) edits.push(...change(bytes, message, { without: PARAMS, add: `"params":{${whole}}` }));
    else if (!meta) edits.push(...change(bytes, params, { without: FOREIGN_AND_META, add: whole }));
    else {
      const token = meta.of.get('progressToken');
      if (token && !isNull(bytes, token)) edits.push({ span: token, bytes: number });
      edits.push(...change(bytes, meta, { without: OWN, add: members }), ...change(bytes, params, { without: FOREIGN, add: more ?? '' }));
    }
    return splice(bytes, edits);
  }
}

/** A member that is an object; nothing else, for a server would refuse every request that had it. */
function objectOf(bytes: Buffer, params: Members | undefined, name: string, without: ReadonlySet<string> = new Set()): Buffer | undefined {
  const span = params?.of.get(name);
  const text = span && Buffer.from(slice(bytes, span));
  const members = text && outlineOf(text, {});
  return members && splice(text, withoutMembers(text, members, without));
}
