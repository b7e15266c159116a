/** Owns the hot operations of this package and what each may allocate (test/allocations). */
import { ANONYMOUS, newEdgeId, newWorkerId, type SessionToken } from '@causeway/protocol';
import { decode, encode, openMemoryCluster, subjects, tail, type BusMessage, type ClientHead, type ServerHead } from '../src/index.ts';
import { readBundle, writeBundle, type Post } from '../src/bundles.ts';
import { Requests } from '../src/requests.ts';
import { Routes } from '../src/routes.ts';

const BODY = Buffer.alloc(300, 'x');
const [worker, edge] = [newWorkerId(), newEdgeId()];
const stream = `${edge}_2s`;
const up: ClientHead = {
  t: 'client',
  identity: ANONYMOUS,
  frame: { kind: 'request', method: 'tools/call', id: { start: 21, end: 22 } },
  stream,
};
const down: ServerHead = { t: 'server', seq: 1, last: true };
const names = subjects();
const session = { token: 'x'.repeat(22) as SessionToken, epoch: 1 };
const messageTo = (subject: string): BusMessage => ({ kind: 'data', subject, reply: undefined, data: BODY });

const address = names.bundle(names.call(worker))!;
const posts: readonly Post[] = Array.from({ length: 8 }, (_, epoch) => ({
  subject: names.sessionIn(worker, { ...session, epoch }),
  payload: encode(up, BODY),
  reply: names.stream(edge, stream),
}));

function sent(head: ClientHead | ServerHead): () => unknown {
  const data = encode(head, BODY);
  return () => decode(data);
}

export const operations = [
  { name: 'encode: a call', bytes: 860, objects: 2.5, open: () => () => encode(up, BODY) },
  { name: 'decode: a call', bytes: 660, objects: 9.5, open: () => sent(up) },
  { name: 'encode: an answer', bytes: 570, objects: 2.5, open: () => () => encode(down, BODY) },
  { name: 'decode: an answer', bytes: 290, objects: 4.5, open: () => sent(down) },
  {
    name: 'subjects: of a session',
    bytes: 150,
    objects: 4.5,
    open: () => {
      const sessions = Array.from({ length: 64 }, (_, epoch) => ({ ...session, epoch }));
      let nth = 0;
      return () => names.sessionIn(worker, sessions[(nth += 1) % sessions.length]!);
    },
  },
  {
    name: 'tail: of a subject of a session',
    bytes: 170,
    objects: 4.5,
    open: () => {
      const [subject, all] = [names.sessionIn(worker, session), names.workerAll(worker)];
      return () => tail(subject, all);
    },
  },
  {
    name: 'Subjects.bundle: of a subject of a session',
    bytes: 120,
    objects: 3.5,
    open: () => () => names.bundle(posts[0]!.subject),
  },
  { name: 'writeBundle: of eight calls', bytes: 5470, objects: 9.7, open: () => () => writeBundle(address, posts) },
  {
    name: 'readBundle: of eight calls',
    bytes: 3360,
    objects: 52.5,
    open: () => {
      const bundle = writeBundle(address, posts);
      return () => {
        let last: Post | undefined;
        for (const post of readBundle(address, bundle)) last = post;
        return last;
      };
    },
  },
  {
    name: 'Routes: one message to one of two patterns',
    bytes: 180,
    objects: 4.5,
    open: () => {
      const routes = new Routes();
      routes.add(names.workerAll(worker), () => undefined);
      routes.add(names.stream(edge, '*'), () => undefined);
      const message = messageTo(names.stream(edge, stream));
      return () => routes.deliver(message);
    },
  },
  {
    name: 'Requests: one is asked and answered',
    bytes: 1170,
    objects: 17.5,
    open: () => {
      const requests = new Requests('cw.er.x', { after: () => () => undefined });
      const options = { deadline: 1_000 };
      const answer = (reply: string): void => void requests.settle(messageTo(reply));
      return () => requests.ask('cw.w', options, answer);
    },
  },
  {
    name: 'MemoryBus: one message from one listener to another',
    bytes: 980,
    objects: 14.5,
    open: async () => {
      const { bus } = await openMemoryCluster();
      let heard: () => void;
      await bus.subscribe(names.workerAll(worker), () => heard());
      const subject = names.sessionIn(worker, session);
      return (done: () => void) => {
        heard = done;
        bus.publish(subject, BODY, 'cw.e.x');
      };
    },
  },
];
