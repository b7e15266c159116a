/** The bare bridge's edge: `edge.ts NATS`. One subscription takes all answers. */
import { connect } from '@nats-io/transport-node';
import { openDoor } from './door.ts';

const nc = await connect({ servers: process.argv[2]!, noAsyncTraces: true });
const waiting = new Map<string, (answer: Uint8Array) => void>();
let count = 0;
nc.subscribe('bare.out.*', {
  callback: (_, { subject, data }) => {
    const answered = waiting.get(subject);
    waiting.delete(subject);
    answered?.(data);
  },
});
await nc.flush();
openDoor({
  send(session, body, answered) {
    if (!answered) return nc.publish(`bare.in.${session}`, body);
    const reply = `bare.out.${(count += 1)}`;
    waiting.set(reply, answered);
    nc.publish(`bare.in.${session}`, body, { reply });
  },
  end: (session) => nc.publish(`bare.end.${session}`),
});
