// The session of a coordinator that died, ended by the one that follows it, so that its shards are free at once.

import type { LeaseStore, SessionId } from '../model/lease-store.ts';
import { delay, type Timers } from '../platform/timers.ts';

export interface PredecessorParts {
  readonly store: Pick<LeaseStore, 'end'>;
  readonly timers: Timers;
  /** Aborted when a stop begins. */
  readonly stopping: AbortSignal;
  readonly log: (message: string, error: unknown) => void;
}

const END_ATTEMPTS = 5;
const END_RETRY_MS = 200;

/** Best effort: without it, its shards are free when its lease has run out. */
export async function endPredecessor(parts: PredecessorParts, session: SessionId): Promise<void> {
  const { store, timers, stopping, log } = parts;
  for (let attempt = 1; attempt <= END_ATTEMPTS; attempt += 1) {
    try {
      await store.end(session);
      return;
    } catch (error) {
      log('The session of the coordinator before could not be ended', error);
      await delay(timers, END_RETRY_MS, stopping);
    }
  }
}
