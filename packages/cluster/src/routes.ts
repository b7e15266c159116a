/**
 * Owns which of this process's listeners a subject concerns. A process has a handful of patterns, nearly
 * all of the form `a.b.c.>`, so a scan with prepared comparisons beats any index.
 * Invariants: listeners of one subject are called in the order of subscribing; none is called after its
 * subscription was ended, not even for the message in hand. Leaves the wire to the buses.
 */
import type { BusMessage, Subscription } from './bus.ts';

export type Listener = (message: BusMessage) => void;

interface Route {
  readonly matches: (subject: string) => boolean;
  readonly listener: Listener;
  open: boolean;
}

/** Prepares `pattern`: `*` stands for one token, a final `>` for one or more. */
export function matcher(pattern: string): (subject: string) => boolean {
  const tokens = pattern.split('.');
  if (tokens.some((token) => token === '' || /\s/.test(token))) throw new TypeError(`not a subject: ${JSON.stringify(pattern)}`);
  const rest = tokens.at(-1) === '>';
  if (tokens.slice(0, rest ? -1 : undefined).includes('>')) throw new TypeError(`'>' must be the last token: ${pattern}`);
  if (!tokens.includes('*')) {
    if (!rest) return (subject) => subject === pattern;
    const prefix = pattern.slice(0, -1);
    return (subject) => subject.length > prefix.length && subject.startsWith(prefix);
  }
  const fixed = rest ? tokens.length - 1 : tokens.length;
  return (subject) => {
    const given = subject.split('.');
    if (rest ? given.length <= fixed : given.length !== fixed) return false;
    for (let index = 0; index < fixed; index += 1) {
      if (tokens[index] !== '*' && tokens[index] !== given[index]) return false;
    }
    return true;
  };
}

/** Calls a listener. One that throws has broken its contract, which ends the process, not the delivery of others. */
export function call(listener: Listener, message: BusMessage): void {
  try {
    listener(message);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The bus's own word that the message which named `reply` reached nobody. */
export function undelivered(reply: string): BusMessage {
  return { kind: 'undelivered', subject: reply, reply: undefined, data: Buffer.alloc(0) };
}

export class Routes {
  /** Replaced on every change, so that a delivery under way keeps its own. */
  #routes: readonly Route[] = [];

  add(pattern: string, listener: Listener): Subscription {
    const route: Route = { matches: matcher(pattern), listener, open: true };
    this.#routes = [...this.#routes, route];
    return {
      unsubscribe: () => {
        route.open = false;
        this.#routes = this.#routes.filter((other) => other !== route);
      },
    };
  }

  /** Whether anybody here was concerned. */
  deliver(message: BusMessage): boolean {
    let reached = false;
    for (const route of this.#routes) {
      if (!route.open || !route.matches(message.subject)) continue;
      reached = true;
      call(route.listener, message);
    }
    return reached;
  }

  clear(): void {
    for (const route of this.#routes) route.open = false;
    this.#routes = [];
  }
}
