/**
 * Owns how long operations took, counted into the buckets that OpenTelemetry's conventions for MCP name, by server, method
 * and failure, since the start of the process.
 * Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md.
 *
 * Invariants: nothing is allocated for an operation whose like was counted before; there are as many series as there are
 * servers, methods and failures: whoever counts gives only names of which there is a bounded number.
 */
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
  readonly #servers = new Map<string, Methods>();

  /** One that took so many milliseconds. */
  record(server: string, method: string, error: string | undefined, ms: number): void {
    const series = this.#servers.get(server)?.get(method)?.get(error) ?? this.#add({ server, method, error });
    const seconds = ms / 1000;
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
