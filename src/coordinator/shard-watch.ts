// What becomes of shards, seen from here: which have stalled, what was lost of them, and which are to be forgotten.

import type { ShardListing } from '../kinesis/api.ts';
import type { LeaseStore, ShardRow } from '../model/lease-store.ts';
import { SHARD_END } from '../model/position.ts';
import { type EndReason, type ShardLoss, startedBefore } from '../model/shard.ts';
import type { Clock } from '../platform/clock.ts';
import type { CoordinatorConfig, FetcherToCoordinator, ThreadEvent } from '../protocol.ts';
import type { Assignments } from './assignments.ts';
import type { Leasing } from './leasing.ts';
import { createRowCleanup } from './row-cleanup.ts';
import { createStallWatch, stallAfterMs } from './stall-watch.ts';
import type { StatusBoard } from './status-board.ts';
import type { Replaced } from './stream-rows.ts';

export interface ShardWatchParts {
  readonly config: Pick<CoordinatorConfig, 'shardRefreshIntervalMs' | 'fetcher'>;
  readonly clock: Clock;
  readonly store: Pick<LeaseStore, 'deleteShard'>;
  readonly board: StatusBoard;
  readonly leases: () => Pick<Leasing, 'held' | 'lose' | 'retain'>;
  readonly assignments: () => Pick<Assignments, 'all'>;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (message: string, error: unknown) => void;
}

export interface ShardWatch {
  /** What the present reader of the shard says about itself. */
  said(shardId: string, message: Extract<FetcherToCoordinator, { type: 'state' }>): void;
  /** Why a shard that is finished has ended. */
  endOf(shardId: string): EndReason;
  /** At intervals. */
  lookForStalls(): void;
  /** Shards that are held here and get nowhere. */
  readonly stalled: readonly string[];
  /** After each listing, with the rows as they were read behind it and those that were replaced then. */
  listed(listing: ShardListing, rows: readonly ShardRow[], replaced: readonly Replaced[]): Promise<void>;
}

/** Why a lease is lost whose shard belongs to a stream that is no more. */
export const REPLACED = 'the stream was deleted and created again';
const TRIMMED = 'retention has taken the record at this position, and maybe others behind it';
const GONE = 'the shard is not in the stream any more';

export function createShardWatch(parts: ShardWatchParts): ShardWatch {
  const { config, clock, store, board, emit, log } = parts;
  const { idlePollMs, readsPerSecond } = config.fetcher;
  const stalls = createStallWatch(stallAfterMs(idlePollMs, readsPerSecond));
  const cleanup = createRowCleanup(config.shardRefreshIntervalMs);

  const presentReader = (shardId: string) => {
    const assignment = parts.assignments().all.get(shardId);
    return assignment === undefined ? undefined : board.current(shardId, assignment.epoch);
  };

  const report = (shardId: string, { kind, after: position, before: next }: ShardLoss) => {
    switch (kind) {
      case 'trimmed':
        emit({ name: 'records:maybe-lost', shardId, position, next, cause: TRIMMED });
        break;
      case 'gone':
        emit({ name: 'records:lost', shardId, position, cause: GONE });
        break;
      default:
        kind satisfies never;
    }
  };

  /** Its leases end, and what was not read of it is lost. */
  const streamReplaced = ({ shards }: ShardListing, replaced: readonly Replaced[]) => {
    if (replaced.length > 0) {
      emit({ name: 'stream:replaced', shards: replaced.map(({ row }) => row.shardId) });
    }
    const { held, lose } = parts.leases();
    for (const { shardId, startingSequenceNumber } of shards) {
      const lease = held.get(shardId);
      if (lease !== undefined && startedBefore(lease.startsAt, startingSequenceNumber))
        lose(shardId, REPLACED);
    }
    for (const { row, here } of replaced) {
      const { shardId, position } = row;
      if (here && position !== SHARD_END) emit({ name: 'records:lost', shardId, position, cause: REPLACED });
    }
  };

  return {
    said(shardId, message) {
      const { loss, epoch } = message;
      const known = board.current(shardId, epoch)?.loss ?? null;
      board.state(shardId, message);
      if (loss !== null && (loss.kind !== known?.kind || loss.after !== known.after)) report(shardId, loss);
    },
    get stalled() {
      return stalls.stalled;
    },
    endOf: (shardId) => (presentReader(shardId)?.loss?.kind === 'gone' ? 'shard-gone' : 'shard-end'),
    lookForStalls() {
      const watched = [];
      for (const { shardId, acked, state: lease } of parts.leases().held.values()) {
        if (lease !== 'running') continue;
        const {
          state = null,
          since = 0,
          lagMs = null,
          readAt = null,
          error = null,
        } = presentReader(shardId) ?? {};
        watched.push({ shardId, state, since, lagMs, readAt, acked, error });
      }
      for (const stall of stalls.look(watched, clock.monotonic())) emit({ name: 'shard:stalled', ...stall });
    },
    async listed(listing, rows, replaced) {
      streamReplaced(listing, replaced);
      try {
        for (const shardId of cleanup.removable(listing.shards, rows, clock.monotonic()))
          await store.deleteShard(shardId);
      } catch (error) {
        log('The row of a finished shard could not be removed', error);
      }
      const known = new Set([...rows, ...listing.shards].map(({ shardId }) => shardId));
      const exists = (shardId: string) => known.has(shardId);
      parts.leases().retain(exists);
      board.retain(exists);
    },
  };
}
