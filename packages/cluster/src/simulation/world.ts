/**
 * Owns a simulated world: virtual time, and the servers that everybody shares: the log of the workers' records, the
 * session records, the bus. Everything that happens follows from the seed.
 */
import type { WorkerId } from '@causeway/protocol';
import { RecordLog } from '../memory/record-log.ts';
import { Net } from './bus.ts';
import { Member } from './member.ts';
import { RecordStore } from './sessions.ts';
import { VirtualTime } from './time.ts';

export class World {
  readonly time: VirtualTime;
  readonly log: RecordLog;
  readonly records = new RecordStore();
  readonly net = new Net();
  readonly members: Member[] = [];
  /** Signs session ids. */
  readonly key = Buffer.alloc(32, 7);
  /** Share of the messages to and from the stores that are lost. */
  loss = 0;
  #leaderlessUntil = 0;

  constructor(seed: number) {
    this.time = new VirtualTime(seed);
    this.log = new RecordLog(this.time);
  }

  join(): Member {
    const member = new Member(this, `member${String(this.members.length).padStart(6, '0')}` as WorkerId);
    this.members.push(member);
    return member;
  }

  /** No write is taken for `ms`. */
  elect(ms: number): void {
    this.#leaderlessUntil = this.time.now() + ms;
  }

  readonly leaderless = (): boolean => this.time.now() < this.#leaderlessUntil;
}
