/**
 * Owns how long operations took, counted into the buckets that OpenTelemetry's conventions for MCP name, by server, method,
 * name where that is wanted, and failure, since the start of the process.
 * Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md.
 *
 * Invariants: nothing is allocated for an operation whose like was counted before; there are as many series as there are
 * servers, labels of methods, failures, and names that are told apart: of servers, methods and failures whoever counts gives only
 * such of which there is a bounded number. Names may be any: one is told apart from the rest once an operation of it has
 * succeeded, and while there is room for it, so that what nobody has crowds nothing out.
 */
import type { Clock } from './clock.ts';
import type { Figure, HistogramReading } from './metrics.ts';

/** Seconds. */
const BOUNDARIES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** What an operation was; `error`: the reason, or the code of JSON-RPC, of one that failed. */
interface Operation {
  readonly server: string;
  readonly method: string;
  readonly name: string | undefined;
  readonly error: string | undefined;
}

/** What is made of the names of what operations are done by. */
export interface Names {
  /** So many are told apart, of one method of one server; the others are one. 0: no name is told. */
  readonly most: number;
  readonly other: string;
  /** What the names are names of, by the label of the method, e.g. `gen_ai.tool.name`. */
  readonly attributeOf: (method: string) => string | undefined;
}

interface Series {
  readonly of: Readonly<Record<string, string>>;
  readonly counts: number[];
  sum: number;
}

type Errors = Map<string | undefined, Series>;
/** `undefined`: of operations without a name, or of all. */
type ByName = Map<string | undefined, Errors>;
type Methods = Map<string, ByName>;

const UNNAMED: Names = { most: 0, other: '', attributeOf: () => undefined };

export class Durations {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #label: (method: string | undefined) => string;
  readonly #names: Names;
  readonly #servers = new Map<string, Methods>();

  /** `label`: one of a bounded number of names for a method, which may be any. */
  constructor(clock: Pick<Clock, 'monotonic'>, label: (method: string | undefined) => string, names: Names = UNNAMED) {
    this.#clock = clock;
    this.#label = label;
    this.#names = names;
  }

  /** Whether names are told; else nobody needs to look for them. */
  get named(): boolean {
    return this.#names.most > 0;
  }

  /** One that ends now and began at `begun`, in the clock's monotonic milliseconds; `error`: absent where it has not failed. */
  record(server: string, method: string | undefined, error: string | undefined, begun: number, name?: string): void {
    const label = this.#label(method);
    // Short enough for V8 to make it part of its callers, where it makes no number on the heap of `begun`.
    const known = name === undefined ? this.#servers.get(server)?.get(label)?.get(undefined)?.get(error) : undefined;
    const series = known ?? this.#series(server, label, error, name);
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
      for (const names of methods.values())
        for (const errors of names.values())
          for (const { of, counts, sum } of errors.values()) yield { of, boundaries: BOUNDARIES, counts: [...counts], sum };
  }

  #series(server: string, label: string, error: string | undefined, name: string | undefined): Series {
    const known = this.#servers.get(server)?.get(label);
    const told = name === undefined ? undefined : this.#told(known, name, error);
    return known?.get(told)?.get(error) ?? this.#add({ server, method: label, name: told, error });
  }

  /** As what an operation of this name counts. */
  #told(known: ByName | undefined, name: string, error: string | undefined): string | undefined {
    const { most, other } = this.#names;
    if (most === 0) return undefined;
    if (known?.has(name)) return name;
    const places = [undefined, other].filter((each) => known?.has(each)).length + most;
    return error === undefined && (known?.size ?? 0) < places ? name : other;
  }

  #add({ server, method, name, error }: Operation): Series {
    const methods: Methods = this.#servers.get(server) ?? new Map();
    this.#servers.set(server, methods);
    const names: ByName = methods.get(method) ?? new Map();
    methods.set(method, names);
    const errors: Errors = names.get(name) ?? new Map();
    names.set(name, errors);
    const attribute = name === undefined ? undefined : this.#names.attributeOf(method);
    const named = attribute === undefined || name === undefined ? {} : { [attribute]: name };
    const failed = error === undefined ? {} : { 'error.type': error };
    const of = { 'causeway.server': server, 'mcp.method.name': method, ...named, ...failed };
    const series = { of, counts: Array.from({ length: BOUNDARIES.length + 1 }, () => 0), sum: 0 };
    errors.set(error, series);
    return series;
  }
}
