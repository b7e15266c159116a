/**
 * Owns how long operations took, counted into the buckets that OpenTelemetry's conventions for MCP name, by server, method
 * and failure, since the start of the process.
 * Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md.
 *
 * Invariants: nothing is allocated for an operation whose like was counted before; there are as many series as there are
 * servers, labels of methods, and failures: whoever counts gives only names of which there is a bounded number.
 */
import type { Clock } from './clock.ts';
import type { Figure, HistogramReading } from './metrics.ts';

/** Seconds. */
const BOUNDARIES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** What an operation was; `error`: the reason, or the code of JSON-RPC, of one that failed. */
interface Operation {
  readonly server: string;
  readonly method: string;
  readonly error: string | undefined;
}

interface Series {
  readonly of: Readonly<Record<string, string>>;
  readonly counts: number[];
  sum: number;
}

type Methods = Map<string, Map<string | undefined, Series>>;

export class Durations {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #label: (method: string | undefined) => string;
  readonly #servers = new Map<string, Methods>();

  /** `label`: one of a bounded number of names for a method, which may be any. */
  constructor(clock: Pick<Clock, 'monotonic'>, label: (method: string | undefined) => string) {
    this.#clock = clock;
    this.#label = label;
  }

  /** One that ends now and began at `begun`, in the clock's monotonic milliseconds; `error`: absent where it has not failed. */
  record(server: string, method: string | undefined, error: string | undefined, begun: number): void {
    const label = this.#label(method);
    const series = this.#servers.get(server)?.get(label)?.get(error) ?? this.#add({ server, method: label, error });
    const seconds = (this.#clock.monotonic() - begun) / 1000;
    let bucket = 0;
    while (bucket < BOUNDARIES.length && seconds > BOUNDARIES[bucket]!) bucket += 1;
    series.counts[bucket]! += 1;
    series.sum += seconds;
  }

  /** `name`: as in OpenTelemetry, without its unit. */
  figure(name: string, text: string): Figure {
    return { name, text, unit: 's', kind: 'histogram', read: () => this.#read() };
  }

  *#read(): Iterable<HistogramReading> {
    for (const methods of this.#servers.values())
      for (const errors of methods.values())
        for (const { of, counts, sum } of errors.values()) yield { of, boundaries: BOUNDARIES, counts: [...counts], sum };
  }

  #add({ server, method, error }: Operation): Series {
    const methods: Methods = this.#servers.get(server) ?? new Map();
    this.#servers.set(server, methods);
    const errors = methods.get(method) ?? new Map<string | undefined, Series>();
    methods.set(method, errors);
    const failed = error === undefined ? {} : { 'error.type': error };
    const of = { 'causeway.server': server, 'mcp.method.name': method, ...failed };
    const series = { of, counts: Array.from({ length: BOUNDARIES.length + 1 }, () => 0), sum: 0 };
    errors.set(error, series);
    return series;
  }
}
