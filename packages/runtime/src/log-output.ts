/**
 * Owns the log's way to stdout: asynchronous, bounded in memory, and at the end of the process bounded in time.
 *
 * Invariants: lines that cannot be written, as on a full disk, wait within `BUFFER_BYTES` or are lost, and are tried again with the next;
 * what is fatal, or ends the process, writes what is left at once. It waits for a reader that stands still for `LAST_WORDS` at most, and
 * for none that is gone, nor for a disk; the library's own way waits for all of them for ever, and nothing else of the process runs.
 */
import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Bytes that wait for a slow reader; what is beyond is dropped. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** Milliseconds that a reader has for the last lines. */
export const LAST_WORDS = 1_000;
/** Milliseconds between two tries. */
const PAUSE = 10;

/** The parts of pino's destination that hold lines. */
interface Held {
  readonly fd: number;
  _writing: boolean;
  _writingBuf: string;
  _bufs: string[];
  _len: number;
  flushSync(): void;
}

export async function openOutput(): Promise<DestinationStream> {
  const { pino } = await import('pino');
  // That it is asked for makes a pipe one that refuses where it would block.
  const { fd } = process.stdout;
  const output = pino.destination({ dest: fd, sync: false, minLength: 1, maxLength: BUFFER_BYTES });
  output.on('error', () => undefined);
  const held = output as unknown as Held;
  held.flushSync = () => writeNow(held.fd, takeAll(held));
  return output;
}

/** All that is not being written already. */
function takeAll(held: Held): Buffer {
  const text = (held._writing ? '' : held._writingBuf) + held._bufs.join('');
  if (!held._writing) held._writingBuf = '';
  held._bufs = [];
  held._len = held._writingBuf.length;
  return Buffer.from(text);
}

function writeNow(fd: number, bytes: Buffer): void {
  const until = performance.now() + LAST_WORDS;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'EAGAIN';
      if (!full || performance.now() >= until) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
