// What `consumer.status()` returns, made from the coordinator's table.

import { type DecodedPosition, decodePosition } from '../model/position.ts';
import type { CoordinatorStatus, ShardStatusRow } from '../protocol.ts';

/** One shard of {@link ConsumerStatus}. */
export interface ShardStatus extends Omit<ShardStatusRow, 'position' | 'since'> {
  /** Everything up to and including this is done. */
  readonly position: DecodedPosition;
  /** When the reader entered its state; null where none reads. */
  readonly since: Date | null;
}

export interface ConsumerStatus extends Omit<CoordinatorStatus, 'shards'> {
  readonly totalShards: number;
  readonly activeShards: number;
  readonly closedShards: number;
  readonly allocatedShards: number;
  readonly shards: readonly ShardStatus[];
}

export function toConsumerStatus(status: CoordinatorStatus): ConsumerStatus {
  const shards = status.shards.map((row) => ({
    ...row,
    position: decodePosition(row.position),
    since: row.since === 0 ? null : new Date(row.since),
  }));
  return {
    ...status,
    totalShards: shards.length,
    activeShards: shards.filter(({ open }) => open).length,
    closedShards: shards.filter(({ open, listed }) => listed && !open).length,
    allocatedShards: shards.filter(({ lease }) => lease === 'running' || lease === 'draining').length,
    shards,
  };
}
