/**
 * Owns what becomes of a command when nobody reads its output any more (`causeway doctor | head -1`): nothing. What it has
 * begun comes to its end, what it would have printed is lost, and its exit code is the one that it would have had.
 */

/** For a stream of this process; every other fault of it stays one. */
export function outliveReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
