/**
 * Owns what a call of the stateless era has in common in front of either kind of server: its use of a child, its
 * deadline, its reader, and its end.
 *
 * Invariants: it ends once, and says how its use of the child went; a reader that leaves cancels it at the server; one that
 * lags holds up the child as long as the call runs, and not those that share it (pool/pooled-process.ts).
 */
import { CausewayError, type Identity } from '@causeway/protocol';
import type { Lease, Outcome } from '../pool/lease.ts';
import type { PooledProcess } from '../pool/pooled-process.ts';
import type { StatelessRequest } from '../stateless/request.ts';
import type { Response } from '../stateless/response.ts';
import type { ResponseEvents } from '../stateless/response-ports.ts';
import type { EraDeps } from './deps.ts';

/** A call that is told when nobody waits for its answer any more. */
export type LeftCall = Pick<ResponseEvents, 'left'>;

export class CallInUse implements ResponseEvents {
  readonly process: PooledProcess;
  readonly identity: Identity;
  readonly #deps: EraDeps;
  readonly #lease: Lease;
  readonly #request: StatelessRequest;
  #id: number | undefined;
  /** The moment at which it was written to the server, in the clock's monotonic milliseconds. */
  #begun = 0;
  #call: LeftCall | undefined;
  #cancelDeadline: () => void = () => undefined;
  #over = false;

  constructor(deps: EraDeps, lease: Lease, request: StatelessRequest) {
    this.#deps = deps;
    this.#lease = lease;
    this.#request = request;
    this.process = lease.process;
    this.identity = request.head.identity;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The request is at the server under this id. */
  began(id: number): void {
    this.#id = id;
    this.#begun = this.#deps.clock.monotonic();
  }

  /** Its deadline runs, and `response` is where it is answered. */
  run(response: Response, call: LeftCall): void {
    this.#call = call;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#deps.wheel.after(this.#request.server.requestTimeout, () => {
      this.abandon('deadline', 'server.deadline');
      response.fail(new CausewayError('server.deadline'));
    });
    response.follow(this);
  }

  left(): void {
    this.#call?.left();
  }

  lagChanged(): void {
    this.process.balance();
  }

  /** No time runs while it waits for its client. */
  rest(): void {
    this.#cancelDeadline();
  }

  /** The server has answered; `failed`: as figures name it. */
  end(outcome: Outcome, failed?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelDeadline();
    if (this.#id !== undefined) {
      this.process.forget(this.#id);
      const { server, method, head } = this.#request;
      this.#deps.durations.record(server.name, method, failed, this.#begun, head.frame.label);
    }
    this.#lease.end(outcome);
  }

  /** Nobody waits for the server's answer any more: it may stop. */
  abandon(reason: string, failed: string, outcome: Outcome = 'doubtful'): void {
    if (this.#over) return;
    if (this.#id !== undefined) this.process.cancel(this.#id, reason);
    this.end(outcome, failed);
  }
}
