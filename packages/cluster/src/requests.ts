/**
 * Owns the requests of one bus that wait for their answer, by reply address below its standing inbox.
 * Invariants: each settles exactly once: by the first message to its address, its deadline, its signal
 * or the bus's end; nothing of it is left afterwards. Leaves publishing to the bus.
 */
import { BusError, type BusFailure, type BusMessage, type RequestOptions } from './bus.ts';
import { systemTime, type Time } from './time.ts';

interface Pending {
  readonly resolve: (message: BusMessage) => void;
  readonly reject: (failure: BusFailure) => void;
}

export class Requests {
  readonly #prefix: string;
  readonly #time: Pick<Time, 'after'>;
  readonly #pending = new Map<string, Pending>();
  #count = 0;

  /** `inbox`: the subject below which this bus alone listens. */
  constructor(inbox: string, time: Pick<Time, 'after'> = systemTime) {
    this.#prefix = `${inbox}.`;
    this.#time = time;
  }

  /** Sends by `publish`, under a fresh reply address, and waits. A throw of `publish` is the outcome. */
  ask(subject: string, options: RequestOptions, publish: (reply: string) => void): Promise<BusMessage> {
    const { deadline, signal } = options;
    const reply = this.#prefix + (this.#count += 1).toString(36);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', aborted);
        this.#pending.delete(reply);
      };
      const fail = (failure: BusFailure): void => {
        end();
        reject(new BusError(failure, subject));
      };
      const aborted = (): void => fail('aborted');
      const cancel = this.#time.after(Math.max(deadline, 0), () => fail('timeout'));
      this.#pending.set(reply, {
        resolve: (message) => {
          end();
          resolve(message);
        },
        reject: fail,
      });
      if (signal?.aborted) return aborted();
      signal?.addEventListener('abort', aborted, { once: true });
      try {
        publish(reply);
      } catch (error) {
        end();
        reject(error);
      }
    });
  }

  /** Whether the message was to one of the requests here, waiting or past. */
  settle(message: BusMessage): boolean {
    if (!message.subject.startsWith(this.#prefix)) return false;
    const pending = this.#pending.get(message.subject);
    if (message.kind === 'undelivered') pending?.reject('no_responders');
    else if (message.kind === 'too_large') pending?.reject('too_large');
    // What was asked has been done, or not: the answer found no room here.
    else if (message.kind === 'crowded') pending?.reject('timeout');
    else pending?.resolve(message);
    return true;
  }

  /** Ends the request with that reply address, if it is one. */
  fail(reply: string, failure: BusFailure): boolean {
    const pending = this.#pending.get(reply);
    pending?.reject(failure);
    return pending !== undefined;
  }

  close(): void {
    for (const pending of [...this.#pending.values()]) pending.reject('aborted');
  }
}
