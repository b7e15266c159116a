/**
 * Owns sessions beside the load that are opened in crowds, each at the next edge and under the next identity, and all
 * ended with their scope, so that the load's books are balanced afterwards.
 */
import assert from 'node:assert/strict';
import { until } from '../harness/within.ts';
import { post, type Answer, type Headers } from '../harness/speak.ts';
import { refusalOf, type Refusal } from './attempts.ts';
import type { World } from './cluster.ts';

export interface Racer {
  readonly answer: Answer;
  /** What it got, if it was refused. */
  readonly refusal: Refusal | undefined;
  /** Of its session; '' if it has none. */
  readonly id: string;
}

export class Racers implements AsyncDisposable {
  readonly #world: World;
  readonly #server: string;
  readonly #keys: readonly string[];
  readonly #held = new Map<string, { readonly url: string; readonly headers: Headers }>();
  #next = 0;

  constructor(world: World, server: string, keys: readonly string[]) {
    this.#world = world;
    this.#server = server;
    this.#keys = keys;
  }

  /** Sessions that are open. */
  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** One opening. A body that never comes is no refusal: it rejects. */
  async open(): Promise<Racer> {
    const nth = this.#next++;
    const { edges } = this.#world;
    const url = edges[nth % edges.length]!.process.url(this.#server);
    const identity = this.#keys.length === 0 ? {} : { 'x-api-key': this.#keys[nth % this.#keys.length]! };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'racer', version: '1' } };
    const answer = await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params }, identity, 60_000);
    const id = answer.headers.get('mcp-session-id');
    if (answer.status !== 200 || id === null) return { answer, refusal: refusalOf(answer.status, answer.text), id: '' };
    this.#held.set(id, { url, headers: { ...identity, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' } });
    return { answer, refusal: undefined, id };
  }

  /** That many at once. */
  crowd(count: number): Promise<readonly Racer[]> {
    return Promise.all(Array.from({ length: count }, () => this.open()));
  }

  /** Ends all that are open; `lost`: those that may be over already. */
  async close(lost: ReadonlySet<string> = new Set()): Promise<void> {
    const held = [...this.#held];
    this.#held.clear();
    await Promise.all(
      held.map(async ([id, { url, headers }]) => {
        const end = async (): Promise<number> => (await fetch(url, { method: 'DELETE', headers })).status;
        const first = await end();
        // While there is no leader whether it has ended is not known, or not certain yet: whoever asks again is told.
        const unsure = (status: number) => status === 503 || status === 504;
        const last = unsure(first)
          ? await until(30_000, 'the end of a session', async () => end().then((status) => (unsure(status) ? undefined : status)))
          : first;
        assert.ok(last === 200 || (last === 404 && (unsure(first) || lost.has(id))), `DELETE: ${first}, ${last}`);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(new Set(this.ids)).catch(() => {});
  }
}
