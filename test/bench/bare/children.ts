/** Owns the child side of the bare bridge: a process for each session, one line for each message, answers in the order of the calls. */
import { spawn, type ChildProcess } from 'node:child_process';

type Answered = (answer: Buffer) => void;

interface Held {
  readonly child: ChildProcess;
  readonly waiting: Answered[];
}

const LINE_FEED = Buffer.from('\n');

export class Children {
  readonly #command: readonly string[];
  readonly #held = new Map<string, Held>();

  constructor(command: readonly string[]) {
    this.#command = command;
  }

  send(session: string, body: Uint8Array, answered: Answered | undefined): void {
    const held = this.#held.get(session) ?? this.#start(session);
    if (answered) held.waiting.push(answered);
    held.child.stdin!.write(Buffer.concat([body, LINE_FEED]));
  }

  end(session: string): void {
    this.#held.get(session)?.child.kill();
    this.#held.delete(session);
  }

  #start(session: string): Held {
    const [file, ...args] = this.#command;
    const held: Held = { child: spawn(file!, args, { stdio: ['pipe', 'pipe', 'ignore'] }), waiting: [] };
    this.#held.set(session, held);
    let rest: Buffer | undefined;
    held.child.stdout!.on('data', (chunk: Buffer) => {
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        const line = chunk.subarray(from, at);
        held.waiting.shift()?.(rest ? Buffer.concat([rest, line]) : line);
        rest = undefined;
        from = at + 1;
      }
      if (from < chunk.length) rest = rest ? Buffer.concat([rest, chunk.subarray(from)]) : chunk.subarray(from);
    });
    return held;
  }
}
