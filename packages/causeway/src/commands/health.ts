/** Owns `causeway health`: asks a running bridge how it is, for images without curl. Exit 0, 1 (not well) or 4 (no answer). */
import { parseArgs } from 'node:util';
import { servedOn } from '../admin-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { ask } from '../http-question.ts';
import { optionFailure } from '../meant.ts';

const WAIT_MS = 3_000;

const USAGE = 'causeway health [--live|--ready] [--url URL] [--port PORT] [--timeout TIME]';

export async function health(argv: readonly string[]): Promise<number> {
  const { live, url, port, timeout } = await options(argv);
  const base = url ?? ofThisMachine(port ?? process.env['CAUSEWAY_PORT'] ?? '8000');
  if (!URL.canParse(base) || !/^https?:/.test(base)) throw new Failure(EXIT.usage, `${base} is no http URL`);
  const { status, text } = await ask(new URL(live ? '/livez' : '/readyz?verbose', base), {
    wait: timeout === undefined ? WAIT_MS : await waitOf(timeout),
    // One of this machine is asked by its address, and its certificate is made for its name.
    trusting: url === undefined,
  });
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return status === 200 ? EXIT.ok : EXIT.unexpected;
}

/** With TLS or without, as the bridge on that port says of itself. */
function ofThisMachine(port: string): string {
  return servedOn(Number(port))?.protocol === 'https:' ? `https://127.0.0.1:${port}` : `http://127.0.0.1:${port}`;
}

/** What reads times is loaded only for whoever gives one: this runs every few seconds. */
async function waitOf(timeout: string): Promise<number> {
  const { durationMs } = await import('@causeway/config');
  const ms = durationMs(timeout);
  if (ms === undefined || ms <= 0) throw new Failure(EXIT.usage, `--timeout ${timeout}: expected a time, e.g. 5s`);
  return ms;
}

interface Wanted {
  readonly live: boolean;
  readonly url: string | undefined;
  readonly port: string | undefined;
  readonly timeout: string | undefined;
}

const OPTIONS = {
  live: { type: 'boolean' },
  ready: { type: 'boolean' },
  url: { type: 'string' },
  port: { type: 'string', short: 'p' },
  timeout: { type: 'string' },
} as const;

async function options(argv: readonly string[]): Promise<Wanted> {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS });
    if (values.live && values.ready) throw new Error('--live and --ready are two questions; ask one');
    return { live: values.live ?? false, url: values.url, port: values.port, timeout: values.timeout };
  } catch (error) {
    throw await optionFailure(error, OPTIONS, USAGE);
  }
}
