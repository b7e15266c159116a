/** Owns the hot operations of this package and what each may allocate (test/allocations). */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { CHILD_LIMITS } from '../src/child/child.ts';
import { createFraming } from '../src/child/framing.ts';
import { openInput } from '../src/child/input.ts';

const LINE = Buffer.from(`${'x'.repeat(300)}\n`);
const sink = { line: (bytes: Buffer) => assert(bytes.length > 0), blank: () => assert.fail(), tooLong: () => assert.fail() };

export const operations = [
  {
    name: 'Framing: a chunk of one line',
    bytes: 820,
    objects: 4.5,
    open: () => {
      const framing = createFraming(CHILD_LIMITS.lineBytes, sink);
      return () => framing.push(LINE);
    },
  },
  {
    name: 'Framing: a line in two chunks',
    bytes: 1520,
    objects: 7.5,
    open: () => {
      const framing = createFraming(CHILD_LIMITS.lineBytes, sink);
      const [head, rest] = [LINE.subarray(0, 100), LINE.subarray(100)];
      return () => {
        framing.push(head);
        framing.push(rest);
      };
    },
  },
  {
    // The pipe's own share, and a turn of the event loop, are in it.
    name: 'StdinQueue: a frame is taken and written',
    bytes: 2050,
    objects: 26.5,
    open: () => {
      let written: () => void;
      const stdin = new Writable({
        write(_chunk, _encoding, done) {
          done();
          setImmediate(written);
        },
      });
      const { stdinBytes: bytes, stdinFrames: frames, stdinStall: stall } = CHILD_LIMITS;
      const input = openInput(stdin, { bytes, frames, stall }, { right: undefined, broken: () => assert.fail() });
      return (done: () => void) => {
        written = done;
        assert(input.write(LINE));
      };
    },
  },
];
