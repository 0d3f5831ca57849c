// What `consumer.health()` says: whether everything that ought to go on goes on, and if not, what does not.

import type { CoordinatorStatus } from '../protocol.ts';

/** Why a consumer is not healthy. */
export const HEALTH_PROBLEMS = {
  'not-running': 'it was not started, has not read its first shards yet, or has stopped',
  'coordinator-silent': 'its coordinator does not answer; it is replaced if it stays so',
  'session-lost': 'no heartbeat was confirmed in time: nothing is delivered until the store answers again',
  'store-unreachable': 'the lease store has not answered a read for half a lease',
  'shards-stalled': 'shards that it holds get nowhere',
  'shards-unassigned': 'shards are read by nobody, because no instance has room for them',
} as const;
export type HealthProblemName = keyof typeof HEALTH_PROBLEMS;

export interface HealthProblem {
  readonly name: HealthProblemName;
  /** For people. */
  readonly message: string;
  /** The shards that it concerns; empty where it concerns all. */
  readonly shards: readonly string[];
}

export interface ConsumerHealth {
  readonly healthy: boolean;
  readonly problems: readonly HealthProblem[];
}

export interface HealthView {
  readonly isReady: boolean;
  /** Null where the coordinator did not answer in time. */
  readonly status: Pick<
    CoordinatorStatus,
    'leaseRemainingMs' | 'storeReadAgoMs' | 'storeError' | 'unassigned' | 'stalled'
  > | null;
  readonly leaseDurationMs: number;
}

export function toHealth({ isReady, status, leaseDurationMs }: HealthView): ConsumerHealth {
  const problems: HealthProblem[] = [];
  const add = (name: HealthProblemName, detail = '', shards: readonly string[] = []) =>
    problems.push({ name, message: `${HEALTH_PROBLEMS[name]}${detail}`, shards });
  if (!isReady) {
    add('not-running');
  } else if (status === null) {
    add('coordinator-silent');
  } else {
    const { leaseRemainingMs, storeReadAgoMs, storeError, unassigned, stalled } = status;
    const cause = storeError === null ? '' : `; its last error: ${storeError.message}`;
    if (leaseRemainingMs <= 0) add('session-lost', cause);
    if (storeReadAgoMs > leaseDurationMs / 2) add('store-unreachable', cause);
    if (stalled.length > 0) add('shards-stalled', `: ${some(stalled)}`, stalled);
    if (unassigned.length > 0) add('shards-unassigned', `: ${some(unassigned)}`, unassigned);
  }
  return { healthy: problems.length === 0, problems };
}

const SHOWN = 3;

function some(shards: readonly string[]): string {
  const more = shards.length - SHOWN;
  return `${shards.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
