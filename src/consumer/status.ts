// What `consumer.status()` returns, made from the coordinator's table.

import { type DecodedPosition, decodePosition } from '../model/position.ts';
import type { LeaseState } from '../model/shard.ts';
import type { CoordinatorStatus, ShardStatusRow } from '../protocol.ts';

/** One shard of {@link ConsumerStatus}. */
export interface ShardStatus extends Omit<ShardStatusRow, 'position' | 'since'> {
  /** Everything up to and including this is done. */
  readonly position: DecodedPosition;
  /** When the reader entered its state; null where none reads. */
  readonly since: Date | null;
  /** This instance holds it. */
  readonly isAllocated: boolean;
  readonly isParent: boolean;
  readonly isChild: boolean;
  /** Not finished, and no parent is in its way. */
  readonly canAllocate: boolean;
}

/** Shard ids by shard id. */
export interface StreamTopology {
  readonly parentChildMap: Readonly<Record<string, readonly string[]>>;
  readonly childParentMap: Readonly<Record<string, readonly string[]>>;
}

export interface ConsumerStatus extends Omit<CoordinatorStatus, 'shards'> {
  readonly totalShards: number;
  readonly activeShards: number;
  readonly closedShards: number;
  readonly allocatedShards: number;
  readonly parentShards: number;
  readonly childShards: number;
  /** Parents that are finished. */
  readonly exhaustedParents: number;
  /** Parents that Kinesis does not list any more. */
  readonly expiredParents: number;
  /** Children wait for a parent, or a parent is not finished. */
  readonly reshardingInProgress: boolean;
  readonly topology: StreamTopology;
  readonly shards: readonly ShardStatus[];
}

const ALLOCATED: readonly LeaseState[] = ['running', 'draining'];
const OUT_OF_REACH: readonly LeaseState[] = ['waiting-for-parents', 'done'];

export function toConsumerStatus(status: CoordinatorStatus): ConsumerStatus {
  const topology = topologyOf(status.shards);
  const shards = status.shards.map((row): ShardStatus => {
    const { shardId, lease, parents } = row;
    return {
      ...row,
      position: decodePosition(row.position),
      since: row.since === 0 ? null : new Date(row.since),
      isAllocated: ALLOCATED.includes(lease),
      isParent: shardId in topology.parentChildMap,
      isChild: parents.length > 0,
      canAllocate: !OUT_OF_REACH.includes(lease),
    };
  });
  const listed = new Set(shards.filter((shard) => shard.listed).map(({ shardId }) => shardId));
  const parents = shards.filter(({ isParent }) => isParent);
  return {
    ...status,
    totalShards: shards.length,
    activeShards: shards.filter(({ open }) => open).length,
    closedShards: shards.filter((shard) => shard.listed && !shard.open).length,
    allocatedShards: shards.filter(({ isAllocated }) => isAllocated).length,
    parentShards: parents.length,
    childShards: shards.filter(({ isChild }) => isChild).length,
    exhaustedParents: parents.filter(({ lease }) => lease === 'done').length,
    expiredParents: Object.keys(topology.parentChildMap).filter((shardId) => !listed.has(shardId)).length,
    reshardingInProgress:
      parents.some(({ lease }) => lease !== 'done') ||
      shards.some(({ lease }) => lease === 'waiting-for-parents'),
    topology,
    shards,
  };
}

function topologyOf(rows: readonly ShardStatusRow[]): StreamTopology {
  const parentChildMap: Record<string, string[]> = {};
  const childParentMap: Record<string, readonly string[]> = {};
  for (const { shardId, parents } of rows) {
    if (parents.length > 0) childParentMap[shardId] = parents;
    for (const parent of parents) (parentChildMap[parent] ??= []).push(shardId);
  }
  return { parentChildMap, childParentMap };
}
