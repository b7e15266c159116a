/** The bare bridge's worker: `worker.ts NATS COMMAND ARGS…`. A subject ends in its session. */
import { connect } from '@nats-io/transport-node';
import { Children } from './children.ts';

const [url, ...command] = process.argv.slice(2);
const nc = await connect({ servers: url!, noAsyncTraces: true });
const children = new Children(command);
nc.subscribe('bare.in.*', {
  callback: (_, { subject, data, reply }) =>
    children.send(subject.slice('bare.in.'.length), data, reply ? (answer) => nc.publish(reply, answer) : undefined),
});
nc.subscribe('bare.end.*', { callback: (_, { subject }) => children.end(subject.slice('bare.end.'.length)) });
await nc.flush();
console.log(JSON.stringify({ msg: 'working' }));
