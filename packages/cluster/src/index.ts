/** The public names of @causeway/cluster. The contract suites are `@causeway/cluster/contract`. */
export {
  BusError,
  offer,
  type Bus,
  type BusFailure,
  type BusLimits,
  type BusMessage,
  type RequestOptions,
  type Subscription,
} from './bus.ts';
export { type Cluster, type MemoryCluster, type MemoryClusterOptions, type NatsClusterOptions, type NatsCredentials } from './cluster.ts';
export type { SessionDescription, SessionsAnswer, StandingAnswer, WorkerProcess } from './answers.ts';
export { decode, encode, Envelope, envelopeOf, errorOf, verdictOf } from './envelope.ts';
export { examineNats, type Finding, type NatsExamination } from './examine.ts';
export { scopeOfIdentity, scopeOfServer, type Claim, type Holdings, type Limits, type Scope } from './admission.ts';
export {
  LEASE_TIMES,
  type AdmitOptions,
  type FoundEra,
  type Lease,
  type LeaseLoss,
  type LeaseTimes,
  type Ledger,
  type NewRecord,
  type Permit,
  type RecordChange,
  type ServedServer,
  type WorkerRecord,
} from './ledger.ts';
export type {
  AliveAnswer,
  AliveHead,
  AskHead,
  CallHead,
  ChangedHead,
  ClaimHead,
  ClientHead,
  ControlHead,
  DownHead,
  EndHead,
  FrameHead,
  Head,
  OpenHead,
  PendingHead,
  PingHead,
  Place,
  RoomHead,
  ServerHead,
  UpHead,
  VerdictHead,
} from './heads.ts';
export { SETTLED, type Generation } from './generations.ts';
export { MemoryHub } from './memory/hub.ts';
export { natsUserKey } from './keys.ts';
export type { NatsKey } from './nats/keys.ts';
export { findNatsServer, startNats, type Nats, type NatsNode, type NatsOptions } from './nats/server.ts';
export { openMemoryCluster, openNatsCluster } from './open.ts';
export { place, type Absence, type PlacementQuestion } from './placement.ts';
export { isFormer, isOver, type SessionRecord, type SessionRecords, type StandingRecord, type StoredSession } from './sessions.ts';
export { edgeOf, PING, subjects, tail, type OwnedSession, type Subjects } from './subjects.ts';
