// What the fetch threads last said about their shards and themselves, for `consumer.status()`.

import { buildLineage } from './lineage.ts';
import type { Eligibility } from './lineage.ts';
import type { ShardListing } from '../kinesis/api.ts';
import type { SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';
import { SHARD_END } from '../model/position.ts';
import type { LeaseState } from '../model/shard.ts';
import type { FetcherToCoordinator, HostId, InstanceStatus, ShardStatusRow } from '../protocol.ts';
import type { Assignment } from './assignments.ts';
import type { Lease } from './lease-table.ts';

type StateMessage = Extract<FetcherToCoordinator, { type: 'state' }>;

export interface StatusBoard {
  state(shardId: string, message: StateMessage): void;
  utilization(host: HostId, value: number): void;
  readonly threads: ReadonlyMap<HostId, number>;
  gone(host: HostId): void;
  /** What the present reader of that shard last said; undefined before its first word. */
  current(shardId: string, epoch: number): StateMessage | undefined;
  /** Forgets shards that are no more. */
  retain(exists: (shardId: string) => boolean): void;
  rows(view: StatusView): ShardStatusRow[];
}

export interface StatusView {
  readonly listing: ShardListing;
  readonly shards: readonly ShardRow[];
  readonly eligibility: Eligibility;
  readonly held: ReadonlyMap<string, Lease>;
  readonly assignments: ReadonlyMap<string, Assignment>;
}

export function createStatusBoard(): StatusBoard {
  const states = new Map<string, StateMessage>();
  const threads = new Map<HostId, number>();
  const current = (shardId: string, epoch: number) => {
    const state = states.get(shardId);
    return state?.epoch === epoch ? state : undefined;
  };
  return {
    state: (shardId, message) => states.set(shardId, message),
    utilization: (host, value) => threads.set(host, value),
    threads,
    gone: (host) => threads.delete(host),
    current,
    retain(exists) {
      for (const shardId of states.keys()) if (!exists(shardId)) states.delete(shardId);
    },
    rows({ listing, shards, eligibility, held, assignments }) {
      const lineage = buildLineage(listing.shards);
      return shards.map((row) => {
        const { shardId } = row;
        const lease = held.get(shardId);
        const assignment = assignments.get(shardId);
        const state = states.get(shardId);
        const now = assignment === undefined ? undefined : current(shardId, assignment.epoch);
        const listed = lineage.shards.get(shardId);
        return {
          shardId,
          parents: lineage.parents(shardId).length > 0 ? lineage.parents(shardId) : row.parents,
          open: listed !== undefined && listed.endingSequenceNumber === null,
          listed: listed !== undefined,
          sequenceRange:
            listed === undefined
              ? null
              : { starting: listed.startingSequenceNumber, ending: listed.endingSequenceNumber },
          lease: leaseState(row, lease, eligibility),
          state: now?.state ?? null,
          since: now?.since ?? 0,
          lagMs: now?.lagMs ?? null,
          position: lease?.acked ?? row.position,
          owner: lease?.session ?? row.owner,
          token: lease?.token ?? row.token,
          thread: assignment?.host ?? null,
          receiver: assignment?.receiver ?? null,
          throttled: state?.throttled ?? 0,
          outOfRange: state?.outOfRange ?? 0,
          reads: state?.reads ?? 0,
          error: now?.error ?? null,
        };
      });
    },
  };
}

function leaseState(row: ShardRow, lease: Lease | undefined, eligibility: Eligibility): LeaseState {
  if (lease !== undefined) return lease.state;
  if (row.position === SHARD_END) return 'done';
  return eligibility.waiting.has(row.shardId) ? 'waiting-for-parents' : 'none';
}

/** The sessions of the application and how many shards each of them holds. */
export function instancesOf(sessions: readonly SessionRow[], rows: readonly ShardRow[]): InstanceStatus[] {
  const counts = new Map<SessionId, number>();
  for (const { owner } of rows) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return sessions.map(({ session, state, host, pid }) => ({
    session,
    state,
    host,
    pid,
    shards: counts.get(session) ?? 0,
  }));
}
