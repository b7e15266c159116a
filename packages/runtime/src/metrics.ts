/**
 * Owns the figures of a process: each by a name and the way to read it, and how all of them read as Prometheus' text, in the
 * names of OpenTelemetry. The only code that touches OpenTelemetry.
 *
 * Invariants: the library is not on the path of a message; a figure is read when somebody asks, from what exists then; the
 * library is loaded with the first question, so that a process that nobody asks does not carry it.
 */

import type { ValueType } from '@opentelemetry/api';
import type * as Sdk from '@opentelemetry/sdk-metrics';
import { loopUse } from './loop-use.ts';

/** One value, and what it is of. The number of labels is bounded by the configuration, and by our tables: no client's words are one as they come. */
export interface Reading {
  readonly value: number;
  readonly of?: Readonly<Record<string, string>>;
}

/** How many of what was measured lie below each boundary and above the one before, and last of all above every one. */
export interface HistogramReading {
  readonly of: Readonly<Record<string, string>>;
  readonly boundaries: number[];
  readonly counts: number[];
  readonly sum: number;
}

interface Named {
  /** As in OpenTelemetry, e.g. `causeway.worker.slots.used`; dots become underscores. */
  readonly name: string;
  /** For people. */
  readonly text: string;
  /** `By`, `s` and `1` (a ratio) stand at the end of the name, in words, as Prometheus wants it. */
  readonly unit?: 'By' | 's' | '1';
}

interface Measured extends Named {
  /** `total` only grows, from the start of the process. */
  readonly kind: 'gauge' | 'total';
  readonly read: () => Iterable<Reading>;
}

/** It only grows, too. */
interface Distributed extends Named {
  readonly kind: 'histogram';
  readonly read: () => Iterable<HistogramReading>;
}

export type Figure = Measured | Distributed;

export interface Metrics {
  /** A name is used once. Returns the way to remove it. */
  add(figure: Figure): () => void;
  /** Every figure as it is now. */
  text(): Promise<string>;
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const UNITS = { By: '.bytes', s: '.seconds', '1': '.ratio' } as const;

export function createMetrics(): Metrics {
  const figures = new Map<string, Figure>();
  return {
    add(figure) {
      if (figures.has(figure.name)) throw new Error(`there is a figure "${figure.name}" already`);
      figures.set(figure.name, figure);
      return () => void figures.delete(figure.name);
    },
    text: () => serialize([...figures.values()]),
  };
}

async function serialize(figures: readonly Figure[]): Promise<string> {
  const [sdk, { PrometheusSerializer }, { ValueType }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
    import('@opentelemetry/api'),
  ]);
  const measured: Measured[] = [];
  const distributed: Distributed[] = [];
  for (const figure of figures) {
    if (figure.kind === 'histogram') distributed.push(figure);
    else measured.push(figure);
  }
  const { resource, scopeMetrics } = await collect(sdk, measured);
  const metrics = distributed.map((figure) => histogramOf(sdk, ValueType.DOUBLE, figure));
  const all = { resource, scopeMetrics: [...scopeMetrics, { scope: { name: 'causeway' }, metrics }] };
  return new PrometheusSerializer(undefined, false, undefined, true, true).serialize(all);
}

async function collect({ MeterProvider, MetricReader }: typeof Sdk, figures: readonly Measured[]): Promise<Sdk.ResourceMetrics> {
  class Once extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new Once();
  // A provider for each question: nothing of an answer is kept.
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('causeway');
  for (const figure of figures) {
    const full = fullName(figure);
    const { text, kind, read } = figure;
    const instrument =
      kind === 'gauge'
        ? meter.createObservableGauge(full, { description: text })
        : meter.createObservableCounter(full, { description: text });
    instrument.addCallback((result) => {
      for (const { value, of } of read()) result.observe(value, of);
    });
  }
  const { resourceMetrics } = await reader.collect();
  await provider.shutdown();
  return resourceMetrics;
}

/** The library counts histograms itself, and has no way to be told one that was counted: this is the form in which it would tell it. */
function histogramOf({ AggregationTemporality, DataPointType }: typeof Sdk, valueType: ValueType, figure: Distributed): Sdk.MetricData {
  const now = process.hrtime();
  return {
    descriptor: { name: fullName(figure), description: figure.text, unit: '', valueType },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: [...figure.read()].map(({ of, boundaries, counts, sum }) => ({
      attributes: of,
      startTime: now,
      endTime: now,
      value: { buckets: { boundaries, counts }, sum, count: counts.reduce((all, each) => all + each, 0) },
    })),
  };
}

const fullName = ({ name, unit }: Pick<Named, 'name' | 'unit'>): string => (unit === undefined ? name : `${name}${UNITS[unit]}`);

/** What every process says of itself. */
export function addProcessFigures(metrics: Metrics, { version, role }: { readonly version: string; readonly role: string }): void {
  const figure = (name: string, text: string, value: () => number, more: Partial<Measured> = {}): void => {
    metrics.add({ name, text, kind: 'gauge', read: () => [{ value: value() }], ...more });
  };
  figure('causeway.build.info', 'Always 1; its labels say what runs.', () => 1, { read: () => [{ value: 1, of: { version, role } }] });
  figure('process.memory.usage', 'Resident memory.', () => process.memoryUsage.rss(), { unit: 'By' });
  figure('process.cpu.time', 'Processor time used.', () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6, {
    unit: 's',
    kind: 'total',
  });
  figure('process.uptime', 'Time since the start.', () => process.uptime(), { unit: 's' });
  figure('nodejs.eventloop.utilization', 'Share of its time in which the loop was busy, since it was asked for last.', loopUse(), {
    unit: '1',
  });
}
