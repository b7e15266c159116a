/**
 * Owns reading of SSE in tests, strictly and without any of the SDK's convenience: every field as sent.
 * Invariant: events come out in the order of the bytes, ids as written, comments counted.
 */

export interface SseEvent {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly retry: string | undefined;
  readonly data: string;
}

/** Pushes bytes in, calls back per complete event; comment lines go to `onComment`. */
export class SseParser {
  readonly #onEvent: (event: SseEvent) => void;
  readonly #onComment: (text: string) => void;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #rest = '';
  #event: string | undefined;
  #id: string | undefined;
  #retry: string | undefined;
  #data: string[] | undefined;

  constructor(onEvent: (event: SseEvent) => void, onComment: (text: string) => void = () => {}) {
    this.#onEvent = onEvent;
    this.#onComment = onComment;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') return this.#flush();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === '') this.#onComment(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id') this.#id = value;
    else if (field === 'retry') this.#retry = value;
    else if (field === 'data') (this.#data ??= []).push(value);
    else throw new Error(`unknown SSE field: ${JSON.stringify(line.slice(0, 200))}`);
  }

  #flush(): void {
    if (this.#data !== undefined || this.#id !== undefined || this.#retry !== undefined || this.#event !== undefined) {
      this.#onEvent({ event: this.#event, id: this.#id, retry: this.#retry, data: (this.#data ?? []).join('\n') });
    }
    this.#event = this.#id = this.#retry = this.#data = undefined;
  }
}
