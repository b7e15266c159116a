/** Owns the shape of what is done to all sessions of a worker as its lease comes and goes: `tenure.ts` asks, `capacity.ts` does it. */

/** What is done to all sessions of the worker. */
export interface HeldSessions {
  /** `lease`: until it is readmitted. `doubt`: until `resume`. */
  suspend(why: 'lease' | 'doubt'): void;
  resume(): void;
  /** Takes places under the new lease and ends what was taken over meanwhile; resolves with whether that is known of all. */
  readmit(): Promise<boolean>;
  /** Ends the sessions that wait for a lease; resolves when nothing of them is left. */
  end(): Promise<void>;
}
