/**
 * Owns which arguments of a server's tools its clients repeat in headers: asked of the server once, and again when it
 * says that its tools have changed.
 * Source: 2026-07-28 server/tools (x-mcp-header); SEP-2243.
 *
 * Invariants: a call is checked against what the server declares now, before it is sent there, and again in each of its
 * rounds while that is known; a server that cannot say declares nothing; a process that does not answer is waited for
 * once; the list is read within bounds.
 */
import {
  checkHeaderArguments,
  elementsOf,
  headerArguments,
  membersAt,
  membersIn,
  OWN_META,
  refuseAmbiguous,
  textOf,
  valueAt,
  type HeaderArgument,
} from '@causeway/protocol';
import { DeadlineError, withDeadline } from '@causeway/runtime';
import type { PooledProcess } from '../pool/pooled-process.ts';
import type { StatelessRequest } from './request.ts';

type Declared = ReadonlyMap<string, readonly HeaderArgument[]>;

const MOST_PAGES = 50;
/** Milliseconds for one page. */
const PATIENCE = 10_000;
const HEADER = Buffer.from('x-mcp-header');

export class ToolHeaders {
  readonly #declared = new Map<string, Promise<Declared>>();
  /** They were asked and said nothing. */
  readonly #silent = new WeakSet<PooledProcess>();

  /**
   * Throws `request.header_mismatch` for a call whose headers are not what its arguments are. Without a process that could
   * be asked, by what is known.
   */
  async check({ server, head, body, params, method }: StatelessRequest, process?: PooledProcess): Promise<void> {
    if (method !== 'tools/call') return;
    const declared = await (this.#declared.get(server.name) ?? this.#read(server.name, process));
    const arguments_ = declared?.get(head.name ?? '');
    if (!arguments_) return;
    const span = params.of.get('arguments');
    if (span) refuseAmbiguous(arguments_, body, span);
    checkHeaderArguments(arguments_, span && valueAt(body, span), head.headers ?? {});
  }

  /** Its tools are other ones now. */
  forget(server: string): void {
    this.#declared.delete(server);
  }

  #read(server: string, process: PooledProcess | undefined): Promise<Declared> | undefined {
    if (!process || this.#silent.has(process)) return undefined;
    const reading = read(process).catch((error: unknown) => {
      if (error instanceof DeadlineError) this.#silent.add(process);
      // Whoever comes next asks again.
      this.#declared.delete(server);
      return new Map();
    });
    this.#declared.set(server, reading);
    return reading;
  }
}

/** Tools with such arguments, by name. */
async function read(process: PooledProcess): Promise<Declared> {
  const found = new Map<string, readonly HeaderArgument[]>();
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const meta = process.era === 'modern' ? { _meta: JSON.parse(OWN_META) as object } : {};
    const params = JSON.stringify({ ...meta, ...(cursor === undefined ? {} : { cursor }) });
    const { bytes, result: span } = await withDeadline(process.ask('tools/list', params), PATIENCE);
    const result = membersIn(bytes, span);
    if (bytes.includes(HEADER)) {
      for (const { start } of elementsOf(bytes, result, 'tools')) {
        const tool = membersAt(bytes, start);
        const schema = tool?.of.get('inputSchema');
        const declared = schema ? headerArguments(valueAt(bytes, schema)) : [];
        const name = textOf(bytes, tool, 'name');
        if (name !== undefined && declared.length > 0) found.set(name, declared);
      }
    }
    cursor = textOf(bytes, result, 'nextCursor');
    if (cursor === undefined) break;
  }
  return found;
}
