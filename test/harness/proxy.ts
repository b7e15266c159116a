/**
 * Owns a wire that can fail: a TCP relay on loopback whose connections are cut, fall silent in one direction or
 * both, or become slow. Silence is what a partition looks like: nothing is closed, nothing arrives, and what was
 * held back in the kernels arrives when the wire heals.
 * Invariant: bytes of one connection keep their order in each direction, whatever happens to the wire.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Direction = 'up' | 'down';

export interface Proxy extends AsyncDisposable {
  /** `127.0.0.1:port`, the same for good. */
  readonly address: string;
  /** Breaks every connection, and each new one at once. */
  cut(): void;
  /** Holds everything back that goes up (to the target), down, or both; connections stay. */
  silence(...directions: readonly Direction[]): void;
  /** Everything takes that many milliseconds longer, each way. */
  slow(ms: number): void;
  /** Undoes all of it. */
  heal(): void;
}

/** A relay to `target`, `host:port`; a target that does not listen looks like one that refuses. */
export async function openProxy(target: string): Promise<Proxy> {
  const [host, port] = target.split(':');
  const pipes = new Set<Pipe>();
  const wire = { cut: false, silent: new Set<Direction>(), delay: 0 };
  const server = createServer((near) => {
    if (wire.cut) return near.on('error', () => {}).destroy();
    const far = connect(Number(port), host);
    const both = [new Pipe(near, far, 'up', wire), new Pipe(far, near, 'down', wire)];
    for (const pipe of both) pipes.add(pipe);
    for (const socket of [near, far]) {
      socket.setNoDelay(true).on('error', () => {});
      socket.on('close', () => {
        for (const pipe of both) {
          pipe.end();
          pipes.delete(pipe);
        }
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    wire.cut = true;
    for (const pipe of pipes) pipe.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    silence(...directions) {
      for (const direction of directions) wire.silent.add(direction);
      for (const pipe of pipes) pipe.obey();
    },
    slow: (ms) => void (wire.delay = ms),
    heal() {
      wire.cut = false;
      wire.delay = 0;
      wire.silent.clear();
      for (const pipe of pipes) pipe.obey();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Wire {
  readonly cut: boolean;
  readonly silent: ReadonlySet<Direction>;
  readonly delay: number;
}

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #wire: Wire;
  /** `performance.now()` before which nothing that was read may be written. */
  #due = 0;

  constructor(from: Socket, to: Socket, direction: Direction, wire: Wire) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#wire = wire;
    from.on('data', (chunk) => this.#late(() => this.#write(chunk)));
    from.on('end', () => this.#late(() => to.end()));
    this.obey();
  }

  /** Does what the wire says now. */
  obey(): void {
    if (this.#wire.silent.has(this.#direction)) this.#from.pause();
    else this.#from.resume();
  }

  end(): void {
    this.#late(() => this.destroy());
  }

  destroy(): void {
    this.#from.destroy();
    this.#to.destroy();
  }

  #late(work: () => void): void {
    const now = performance.now();
    this.#due = Math.max(now + this.#wire.delay, this.#due);
    if (this.#due <= now) return work();
    setTimeout(work, this.#due - now);
  }

  #write(chunk: Buffer): void {
    if (this.#to.destroyed || this.#to.write(chunk)) return;
    this.#from.pause();
    this.#to.once('drain', () => this.obey());
  }
}
