/** Owns backing up a bucket as `nats stream backup` does, and putting it back as `nats stream restore` does: as it was, positions and all. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { createInbox, type NatsConnection } from '@nats-io/transport-node';
import { until, within } from '../harness/within.ts';

const DEADLINE = 10_000;

/** Resolves with what puts the stream back in the place of the one that is there then. */
export async function snapshotOf(nc: NatsConnection, manager: JetStreamManager, stream: string): Promise<() => Promise<void>> {
  const parts: Uint8Array[] = [];
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  const inbox = createInbox();
  const subscription = nc.subscribe(inbox, {
    callback: (_, message) => {
      if (message.data.length === 0) return resolve();
      parts.push(Uint8Array.from(message.data));
      message.respond();
    },
  });
  const ask = async (subject: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await nc.request(`$JS.API.STREAM.${subject}.${stream}`, JSON.stringify(body), { timeout: DEADLINE });
    const told = answer.json<Readonly<Record<string, unknown>>>();
    if (told['error'] !== undefined) throw new Error(`${subject} of ${stream}: ${JSON.stringify(told['error'])}`);
    return told;
  };
  const { config, state } = await ask('SNAPSHOT', { deliver_subject: inbox });
  await within(DEADLINE, 'a snapshot', complete);
  subscription.unsubscribe();
  const restore = async (): Promise<true> => {
    await manager.streams.delete(stream).catch(() => false);
    const { deliver_subject: to } = await ask('RESTORE', { config, state });
    for (const part of [...parts, new Uint8Array()]) {
      const told = (await nc.request(String(to), part, { timeout: DEADLINE })).string();
      if (told.includes('"error"')) throw new Error(`a part of ${stream} was refused: ${told}`);
    }
    return true;
  };
  // Servers that have not heard of the removal yet refuse it, and whoever needs the bucket may make it anew meanwhile:
  // its name is free until the last part has arrived.
  return async () => {
    let refused: unknown;
    await until(DEADLINE, `room for ${stream}`, () => restore().catch((error: unknown) => void (refused = error))).catch((late: Error) => {
      throw new Error(late.message, { cause: refused });
    });
  };
}
