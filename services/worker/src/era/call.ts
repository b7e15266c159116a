/**
 * Owns what a call of the stateless era has in common in front of either kind of server: its use of a child, its
 * deadline, its reader, and its end.
 *
 * Invariants: it ends once, and says how its use of the child went; a reader that leaves cancels it at the server; while
 * its reader lags the child is not read.
 */
import { CausewayError, type Identity } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { Lease, Outcome } from '../pool/lease.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';
import type { Response } from '../stateless/response.ts';
import type { ResponseEvents } from '../stateless/response-ports.ts';

export interface CallUse {
  readonly lease: Lease;
  readonly wheel: Wheel;
  /** Milliseconds that the server may take. */
  readonly deadline: number;
  readonly identity: Identity;
}

/** A call that is told when nobody waits for its answer any more. */
export type LeftCall = Pick<ResponseEvents, 'left'>;

export class CallInUse implements ResponseEvents {
  readonly process: PooledProcess;
  readonly identity: Identity;
  readonly #use: CallUse;
  #id: number | undefined;
  #call: LeftCall | undefined;
  #cancelDeadline: () => void = () => undefined;
  #over = false;

  constructor(use: CallUse) {
    this.#use = use;
    this.process = use.lease.process;
    this.identity = use.identity;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The request is at the server under this id. */
  began(id: number): void {
    this.#id = id;
  }

  /** Its deadline runs, and `response` is where it is answered. */
  run(response: Response, call: LeftCall): void {
    this.#call = call;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#use.wheel.after(this.#use.deadline, () => {
      this.abandon('deadline');
      response.fail(new CausewayError('server.deadline'));
    });
    response.follow(this);
  }

  left(): void {
    this.#call?.left();
  }

  lags(yes: boolean, response: Response): void {
    if (yes) this.process.pause(response);
    else this.process.resume(response);
  }

  /** No time runs while it waits for its client. */
  rest(): void {
    this.#cancelDeadline();
  }

  /** The server has answered. */
  end(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelDeadline();
    if (this.#id !== undefined) this.process.forget(this.#id);
    this.#use.lease.end(outcome);
  }

  /** Nobody waits for the server's answer any more: it may stop. */
  abandon(reason: string, outcome: Outcome = 'doubtful'): void {
    if (this.#over) return;
    if (this.#id !== undefined) this.process.cancel(this.#id, reason);
    this.end(outcome);
  }
}
