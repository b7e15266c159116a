/**
 * Owns what an MCP endpoint answers over Streamable HTTP, as its client reads it: the messages in a body, and what the
 * answer to a request means to whoever asked.
 */
import type { IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import { partsOf } from '../http-question.ts';

export interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message?: string; readonly data?: RefusalData };
}

/** What Causeway says of a refusal (docs/errors.md). */
export interface RefusalData {
  readonly source?: string;
  readonly reason?: string;
  readonly executed?: string;
  readonly retryable?: boolean;
  /** The name that was probably meant. */
  readonly nearest?: string;
  /** Last words of a server that could not be started. */
  readonly stderr?: readonly string[];
}

/** What one attempt brought. */
export type Outcome =
  | { readonly kind: 'answered'; readonly result: Readonly<Record<string, unknown>> }
  /** The server's own error, or one that asking again cannot mend. */
  | { readonly kind: 'failed'; readonly text: string }
  /** Causeway says that it was not executed. */
  | { readonly kind: 'refused'; readonly text: string }
  /** Causeway says that nobody knows whether it was executed. */
  | { readonly kind: 'unknown'; readonly text: string }
  /** The connection broke, or the balancer had nobody to ask. */
  | { readonly kind: 'cut'; readonly text: string };

export function outcomeOf(message: Message | undefined, status: number): Outcome {
  if (message?.result !== undefined) return { kind: 'answered', result: message.result };
  const { error } = message ?? {};
  const text = error?.message ?? (status === 200 ? 'the answer ended without a reply' : `status ${status}`);
  if (error?.data?.source === 'causeway' && error.data.retryable === true)
    return { kind: error.data.executed === 'no' ? 'refused' : 'unknown', text };
  // What is no message is the balancer's: it found no edge, or lost the one that it had asked.
  if (error === undefined && status >= 500) return { kind: 'cut', text };
  return { kind: 'failed', text };
}

/** The messages of a body of JSON or of events, as they come; what is none is passed over. */
export async function* messagesOf(response: IncomingMessage): AsyncGenerator<Message> {
  const parts = partsOf(response);
  if (response.headers['content-type']?.startsWith('text/event-stream') !== true)
    return yield* messagesIn((await Array.fromAsync(parts)).join(''));
  const found: Message[] = [];
  const parser = createParser({ onEvent: ({ data }) => void found.push(...messagesIn(data)) });
  for await (const part of parts) {
    parser.feed(part);
    yield* found.splice(0);
  }
}

function messagesIn(text: string): Message[] {
  try {
    return [JSON.parse(text) as unknown].flat().filter((one): one is Message => typeof one === 'object' && one !== null);
  } catch {
    return [];
  }
}
