/**
 * Owns the log: levels, fixed fields, redaction, and where the lines go. pino's only door.
 *
 * Invariants:
 *  1. Never a credential: `authorization`, `cookie`, `env` and keys like them are masked at any of the first
 *     levels, and user info and query of a URL wherever it stands in a field or in an error.
 *  2. A session is named by the first 8 characters of its token, in full only at debug.
 *  3. A slow reader of the output costs lines (those beyond 4 MiB), never memory, the event loop or the end of the process (`log-output.ts`).
 *
 * Callers give a fixed lower-case message and facts in the fields of `LogFacts`; a loggable error goes into
 * `err`, once, where it is handled.
 */
import type { DestinationStream, Logger } from 'pino';
import { LAST_WORDS, openOutput } from './log-output.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The common facts; others may stand beside them. */
export interface LogFacts {
  readonly [fact: string]: unknown;
  readonly session?: string | undefined;
  readonly server?: string | undefined;
  readonly stream?: string | undefined;
  readonly call?: string | number | undefined;
  readonly owner?: string | undefined;
  readonly epoch?: number | undefined;
  readonly revision?: string | undefined;
  readonly reason?: string | undefined;
  /** Milliseconds. */
  readonly ms?: number | undefined;
  readonly err?: unknown;
}

export interface LogWrite {
  (message: string): void;
  (facts: LogFacts, message: string): void;
}

export interface Log {
  /** Payloads, redacted; off by default. */
  readonly trace: LogWrite;
  /** Per frame. */
  readonly debug: LogWrite;
  /** Begins and ends. */
  readonly info: LogWrite;
  /** Degraded but handled. */
  readonly warn: LogWrite;
  /** A person must look. */
  readonly error: LogWrite;
  /** The process ends now. */
  readonly fatal: LogWrite;
  /** A log that adds these facts to every line: one per scope. */
  child(facts: LogFacts): Log;
  isLevelEnabled(level: Exclude<LogLevel, 'silent'>): boolean;
}

/** Disposing of it writes out what is buffered. */
export interface OpenLog extends Log, AsyncDisposable {}

export interface LogOptions {
  readonly level: LogLevel;
  /** `json` goes to stdout, `pretty` to stderr; `auto` is pretty when stdout is a terminal. */
  readonly format: 'json' | 'pretty' | 'auto';
  /** `service.name` on each line, e.g. `causeway-edge`. */
  readonly service: string;
  /** `service.instance.id` on each line. */
  readonly instance?: string;
  /** Takes JSON lines in place of stdout and stderr. */
  readonly destination?: { write(line: string): void };
}

const SECRET_KEYS = ['authorization', 'Authorization', 'cookie', 'Cookie', 'set-cookie', 'env', 'apiKey', 'token', 'password', 'x-api-key'];
const PATHS = SECRET_KEYS.flatMap((key) =>
  ['', '*.', '*.*.'].map((prefix) => (key.includes('-') ? `${prefix.replace(/\.$/, '')}["${key}"]` : prefix + key)),
);
const MASK = '[redacted]';

/** What ends a URL in a text. */
const AROUND = /[\s"'<>]/g;

/** The text with user info and query of every URL in it masked. Linear in the text, whatever stands in it. */
export function maskUrls(text: string): string {
  let out = '';
  let from = 0;
  for (let mark = text.indexOf('://'); mark !== -1; mark = text.indexOf('://', from)) {
    AROUND.lastIndex = mark;
    const end = AROUND.exec(text)?.index ?? text.length;
    out += text.slice(from, mark) + maskUrl(text.slice(mark, end));
    from = end;
  }
  return from === 0 ? text : out + text.slice(from);
}

/** A URL from `://` on, or several without a blank between them. */
function maskUrl(url: string): string {
  const shown = url.replaceAll(/:\/\/[^/@]+@/g, `://${MASK}@`);
  const query = shown.indexOf('?') + 1;
  return query === 0 || query === shown.length ? shown : shown.slice(0, query) + MASK;
}

export async function openLog(options: LogOptions): Promise<OpenLog> {
  const { pino, stdSerializers } = await import('pino');
  const format = options.format === 'auto' ? (process.stdout.isTTY ? 'pretty' : 'json') : options.format;
  const out = options.destination ?? (format === 'pretty' ? await prettyStream() : await openOutput());
  const full = options.level === 'debug' || options.level === 'trace';
  const logger = pino(
    {
      level: options.level,
      base: { 'service.name': options.service, ...(options.instance === undefined ? {} : { 'service.instance.id': options.instance }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: PATHS, censor: MASK },
      formatters: { level: (label) => ({ level: label }), log: masked },
      serializers: {
        err: (error: unknown) => masked(stdSerializers.err(error as Error) as unknown as Record<string, unknown>),
        session: (session: unknown) => (typeof session === 'string' && !full ? session.slice(0, 8) : session),
      },
    },
    out,
  );
  return Object.assign(asLog(logger), { [Symbol.asyncDispose]: () => written(out) });
}

/**
 * Resolves when everything is written, nobody is left to read it, or `LAST_WORDS` have passed. Where there is no
 * `minLength` this way writes nothing.
 */
async function written(out: object): Promise<void> {
  if (!('flush' in out) || typeof out.flush !== 'function') return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(resolve, LAST_WORDS);
  settle(() => (out.flush as (done: () => void) => void)(resolve));
  await promise;
  clearTimeout(late);
}

/** A pino logger has exactly these methods; its own types differ only in how they infer format strings. */
function asLog(logger: Logger): Log {
  return logger;
}

async function prettyStream(): Promise<DestinationStream> {
  const { PinoPretty } = await import('pino-pretty');
  return PinoPretty({
    destination: 2,
    sync: true,
    colorize: process.stderr.hasColors?.() ?? false,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,service\\.name,service\\.instance\\.id',
    singleLine: true,
  });
}

/** Masks the URLs in the top level's strings; returns the same object when there is nothing to mask. */
function masked(facts: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key in facts) {
    const value = facts[key];
    if (typeof value !== 'string' || !value.includes('://')) continue;
    copy ??= { ...facts };
    copy[key] = maskUrls(value);
  }
  return copy ?? facts;
}

/** A closed output must not turn the end of the process into a failure. */
function settle(write: () => void): void {
  try {
    write();
  } catch {
    // Nobody is left to read it.
  }
}

/** A log that writes nothing, for tests. */
export function silentLog(): Log {
  const write: LogWrite = () => undefined;
  const log: Log = {
    trace: write,
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    child: () => log,
    isLevelEnabled: () => false,
  };
  return log;
}
