// Runs inside a container of the stack, with the program's own NATS client: tries to do what a role must not, and prints
// what NATS refused. argv: the role's key, then the attempts as JSON.
import { readFileSync } from 'node:fs';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';

const [key, attempts] = process.argv.slice(-2);
const servers = ['nats-1:4222', 'nats-2:4222', 'nats-3:4222'];
const anonymous = await connect({ servers, timeout: 3000 }).then(
  () => 'let in',
  (error) => error.name,
);
const seed = new TextEncoder().encode(readFileSync(key, 'utf8').trim());
const nc = await connect({ servers, authenticator: nkeyAuthenticator(seed) });
const refused = [];
const following = (async () => {
  for await (const { type, error } of nc.status()) if (type === 'error') refused.push(`${error.operation} ${error.subject}`);
})();
for (const attempt of JSON.parse(attempts)) {
  const [operation, subject] = attempt.split(' ');
  if (operation === 'publish') nc.publish(subject, 'x');
  else nc.subscribe(subject, { callback: () => {} });
}
await nc.flush();
await nc.close();
await following;
process.stdout.write(JSON.stringify({ anonymous, refused: refused.toSorted((a, b) => a.localeCompare(b)) }));
