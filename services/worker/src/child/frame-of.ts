/** Owns reading one line of a child as a message, where what is none is no fault of ours. */
import { FrameFault, readServerLine, type Frame } from '@causeway/protocol';

/** `undefined` for what is no JSON-RPC message. */
export function frameOf(line: Buffer): Frame | undefined {
  try {
    return readServerLine(line);
  } catch (error) {
    if (error instanceof FrameFault) return undefined;
    throw error;
  }
}
