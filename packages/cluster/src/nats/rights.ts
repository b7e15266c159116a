/**
 * Owns finding out what credentials permit: each right that an edge or a worker needs, and a harmless way to try it.
 *
 * Invariants: nothing is changed. Who is called is nobody; a right to write is tried by a write that the server must
 * refuse (a sequence that cannot be, a stream's name that is not the subject's). Whether the refusal speaks of
 * permission is the answer.
 */
import type { EdgeId, SessionToken, WorkerId } from '@causeway/protocol';
import { jetstream } from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import type { Finding } from '../examine.ts';
import { subjects, type Subjects } from '../subjects.ts';
import { bucketName, streamOf, subjectOf } from './buckets.ts';

export type Role = 'edge' | 'worker';

/** Milliseconds for one question. */
export const QUESTION = 2_000;
/** No subject's last message has this sequence. */
const IMPOSSIBLE = 0xffff_ffff;
/** In the place of every id: nobody has it. */
const NOBODY = 'nobody000000';
const [EDGE, WORKER] = [NOBODY as EdgeId, NOBODY as WorkerId];
const SESSION = { token: NOBODY as SessionToken, epoch: 0 };

/** Whether `error` speaks of a missing permission. */
export function isForbidden(error: unknown): boolean {
  const cause = error instanceof errors.RequestError ? error.cause : error;
  return cause instanceof errors.PermissionViolationError;
}

/** Whether `attempt` is permitted, whatever else becomes of it. */
export async function permitted(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    return !isForbidden(error);
  }
}

/** Any answer will do: it comes by the inbox of the role. */
export function mayHear(nc: NatsConnection): Promise<boolean> {
  return permitted(() => nc.request('$JS.API.INFO', '', { timeout: QUESTION }));
}

/** What the role lacks: `publish to` or `subscribe to` a subject, with `*` for ids. */
export async function lackingRights(nc: NatsConnection, role: Role, prefix = 'cw'): Promise<string[]> {
  const names = subjects(prefix);
  const { called, written, heard } = role === 'edge' ? rightsOfEdge(names, prefix) : rightsOfWorker(names, prefix);
  const [workers, sessions, cluster] = (['workers', 'sessions', 'cluster'] as const).map((bucket) => bucketName(prefix, bucket));
  const api: readonly (readonly [string, string])[] = [
    [`$JS.API.CONSUMER.CREATE.${streamOf(workers!)}.${NOBODY}`, '{"stream_name":"-"}'],
    ...[sessions!, cluster!].map(
      (name) => [`$JS.API.STREAM.MSG.GET.${streamOf(name)}`, `{"last_by_subj":"${subjectOf(name, NOBODY)}"}`] as const,
    ),
  ];
  const ask = (subject: string, words: string) => permitted(() => nc.request(subject, words, { timeout: QUESTION }));
  const write = (subject: string) =>
    permitted(() => jetstream(nc).publish(subject, '', { expect: { lastSubjectSequence: IMPOSSIBLE }, timeout: QUESTION }));
  const tried = await Promise.all([
    ...called.map(async (subject) => ({ what: `publish to ${subject}`, may: await ask(subject, '') })),
    ...written.map(async (subject) => ({ what: `publish to ${subject}`, may: await write(subject) })),
    ...api.map(async ([subject, words]) => ({ what: `publish to ${subject}`, may: await ask(subject, words) })),
    maySubscribe(nc, heard).then((may) => ({ what: `subscribe to ${heard}`, may })),
  ]);
  return tried.flatMap(({ what, may }) => (may ? [] : [what.replaceAll(NOBODY, '*').replaceAll(/\.0(?=\.|$)/g, '.*')]));
}

interface Rights {
  /** Subjects at which nobody is. */
  readonly called: readonly string[];
  /** Keys of buckets. */
  readonly written: readonly string[];
  readonly heard: string;
}

function rightsOfEdge(names: Subjects, prefix: string): Rights {
  return {
    called: [
      names.open(WORKER),
      names.control(WORKER),
      names.alive(WORKER),
      names.sessionIn(WORKER, SESSION),
      names.sessionControl(WORKER, SESSION),
      names.streamLost(WORKER, SESSION, NOBODY, 0, 0),
      names.call(WORKER),
      names.callControl(WORKER, NOBODY),
      names.callLost(WORKER, NOBODY, 0, 0),
      names.bundle(names.call(WORKER))!,
      `${names.workerInbox(WORKER)}.bus.a.0`,
    ],
    written: [subjectOf(bucketName(prefix, 'cluster'), 'signing_key')],
    heard: names.edgeAll(EDGE),
  };
}

function rightsOfWorker(names: Subjects, prefix: string): Rights {
  const frames = names.stream(EDGE, NOBODY);
  return {
    called: [
      frames,
      names.bundle(frames)!,
      names.alive(WORKER),
      names.changed(WORKER),
      names.room(WORKER),
      names.roomAnswer(WORKER, 0),
      `${names.edgeInbox(EDGE)}.bus.a.0`,
    ],
    written: [
      subjectOf(bucketName(prefix, 'workers'), NOBODY),
      subjectOf(bucketName(prefix, 'sessions'), NOBODY),
      subjectOf(bucketName(prefix, 'cluster'), 'signing_key'),
    ],
    heard: names.workerAll(WORKER),
  };
}

async function maySubscribe(nc: NatsConnection, subject: string): Promise<boolean> {
  let refused = false;
  const subscription = nc.subscribe(subject, {
    callback: (error) => {
      if (error !== null && isForbidden(error)) refused = true;
    },
  });
  // The refusal comes before the answer to it.
  await nc.flush();
  subscription.unsubscribe();
  return !refused;
}

/** What is said of it; a role whose inbox these credentials do not permit is not theirs, and is missing in `lacks`. */
export function rights(lacks: Partial<Readonly<Record<Role, readonly string[]>>>): Finding {
  const roles = Object.entries(lacks) as [Role, readonly string[]][];
  const serves = roles.filter(([, missing]) => missing.length === 0).map(([role]) => `${article(role)} ${role}`);
  const short = roles.flatMap(([role, missing]) => (missing.length === 0 ? [] : [`${article(role)} ${role} lacks ${missing.join(', ')}`]));
  const see = 'see the permissions in docs/subjects.md';
  const tell = (state: Finding['state'], text: string): Finding => ({ name: 'rights', state, text: `the credentials ${text}` });
  if (serves.length === 0) return tell('fail', `serve neither an edge nor a worker: ${[...short, see].join('; ')}`);
  if (serves.length === 2) return tell('ok', `serve ${serves.join(' and ')}`);
  return short.length === 0 ? tell('ok', `serve ${serves[0]!} only`) : tell('warn', `serve ${serves[0]!} only: ${short.join('; ')}`);
}

const article = (role: Role): string => (role === 'edge' ? 'an' : 'a');
