/**
 * Owns what becomes of a command whose output cannot be written. Nobody reads it any more (`causeway doctor | head -1`):
 * nothing. What it has begun comes to its end, what it would have printed is lost, and its exit code is the one that it would
 * have had. Anything else on stdout, such as a full disk: one line, and exit code 1, for what it was asked for is not there.
 * On stderr nothing comes of it, since there is nobody to tell.
 */
import { getSystemErrorMessage } from 'node:util';
import { EXIT, Failure, report } from './failure.ts';

/** For a stream of this process. */
export function outliveReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || stream === process.stderr) return;
    const why = error.errno === undefined ? error.message : getSystemErrorMessage(error.errno);
    process.exit(report(new Failure(EXIT.unexpected, `stdout cannot be written: ${why}`)));
  });
}
