import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime } from '@causeway/runtime';
import fc from 'fast-check';
import type { Stream } from '../../src/session/stream.ts';
import { Streams } from '../../src/session/streams.ts';

const limits = { frames: 100, bytes: 1e6, age: 60_000, credit: { frames: 4, bytes: 1e6 } };

interface Frame {
  readonly seq: number;
  readonly what: string;
  readonly lost: () => void;
}

/** A GET at an edge, which passes frames on in their order, and asks for what is missing (edge: session/exchanges.ts). */
interface Get {
  readonly to: string;
  readonly stream: string;
  position: number;
  over: boolean;
  readonly arriving: Frame[];
}

/** A client with its GETs, between which and the session anything may be late or lost. */
class Client {
  readonly heard: string[] = [];
  readonly gets: Get[] = [];
  /** What edges have asked for, and is not here yet. */
  readonly asked: (() => void)[] = [];
  readonly #words: (() => void)[] = [];
  readonly #streams: Streams;
  #said = 0;

  constructor() {
    const publish = (
      to: string,
      head: { readonly t: string; readonly seq?: number },
      bytes: Buffer | undefined,
      stream: Stream,
      seq: number,
    ) => {
      const { name, attachment } = stream;
      const lost = (): void => void this.#words.push(() => this.#streams.lost(name, attachment, seq));
      if (head.t === 'server') this.gets.find((get) => get.to === to)?.arriving.push({ seq, what: String(bytes), lost });
    };
    this.#streams = new Streams({ publish, charge: () => undefined }, limits, fakeTime().clock);
  }

  say(): void {
    this.#streams.home().append(Buffer.from(String((this.#said += 1))), false);
  }

  fresh(): void {
    const name = `g${this.gets.length}`;
    const get = this.#get(name, 0);
    this.asked.push(() => this.#streams.open(name, 'standalone', get.to));
  }

  /** Whoever comes back for a stream has left it, and knows how far it came. */
  resume({ stream }: Get): void {
    const before = this.gets.filter((get) => get.stream === stream);
    for (const get of before) get.over = true;
    this.#ask(this.#get(stream, Math.max(...before.map(({ position }) => position))));
  }

  /** An edge asks again, as after a moment without the bus. */
  again(get: Get): void {
    if (!get.over) this.#ask(get);
  }

  deliver(get: Get): void {
    const frame = get.arriving.shift();
    if (frame === undefined) return;
    if (get.over) return frame.lost();
    if (frame.seq > get.position + 1) return this.#ask(get);
    if (frame.seq <= get.position) return;
    get.position = frame.seq;
    this.heard.push(frame.what);
    this.#streams.find(get.stream)?.credit(frame.seq);
  }

  word(): void {
    this.#words.shift()?.();
  }

  #get(stream: string, position: number): Get {
    const get = { to: `cw.e.A.g.${this.gets.length}`, stream, position, over: false, arriving: [] };
    this.gets.push(get);
    return get;
  }

  #ask({ stream, to, position }: Get): void {
    this.asked.push(() => void (this.#streams.find(stream)?.covers(position) && this.#streams.resume(stream, to, position)));
  }
}

test('whatever is late or lost between a session and the GETs of its client, nothing is heard twice', () => {
  const often = ['say', 'deliver', 'deliver', 'again', 'take', 'take', 'word', 'word'] as const;
  const step = fc.tuple(fc.constantFrom(...often, ...often, 'lose', 'over', 'fresh', 'resume'), fc.nat({ max: 11 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const client = new Client();
      client.fresh();
      for (const [what, which] of steps) {
        // Mostly what happened last.
        const get = client.gets[Math.max(0, client.gets.length - 1 - (which % 3))]!;
        if (what === 'say' || what === 'fresh' || what === 'word') client[what]();
        else if (what === 'take') client.asked.splice(which % 4 === 0 ? which % Math.max(1, client.asked.length) : 0, 1)[0]?.();
        else if (what === 'lose') get.arriving.length = 0;
        else if (what === 'over') get.over = true;
        else client[what](get);
      }
      assert.deepEqual(client.heard, [...new Set(client.heard)]);
    }),
    { numRuns: 2_000 },
  );
});
