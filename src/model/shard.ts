// Shards as the topology knows them, and the words for where each one stands.

import type { Position } from './position.ts';

/** Inclusive decimal bounds. */
export interface HashKeyRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** One shard as ListShards describes it. */
export interface Shard extends HashKeyRange {
  readonly shardId: string;
  readonly parentShardId: string | null;
  readonly adjacentParentShardId: string | null;
  readonly startingSequenceNumber: string;
  /** Null while the shard is open. */
  readonly endingSequenceNumber: string | null;
}

/** True for a shard of an earlier stream: decimal numbers that grow with time. */
export function startedBefore(startsAt: string, other: string): boolean {
  return startsAt.length === other.length ? startsAt < other : startsAt.length < other.length;
}

/** A child as a GetRecords reply names it at the end of its parent. */
export interface ChildShard {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** What a reader is doing; every assigned shard is in exactly one of these. */
export const SHARD_STATES = {
  starting: 'assigned; the first iterator is being fetched',
  polling: 'reading, or waiting for its next poll',
  'waiting-for-budget': 'the byte budget is used up; waits until a handler frees some',
  'waiting-for-handler': 'its window of unhandled batches is full',
  'backing-off': 'the last call failed or was throttled; waits before it tries again',
  ended: 'everything up to the end of the shard was fetched',
  stopped: 'revoked, drained or failed; reads nothing more',
} as const;
export type ShardState = keyof typeof SHARD_STATES;

/** Where a shard stands in its life at this instance. */
export const LEASE_STATES = {
  none: 'not held by this instance',
  'waiting-for-parents': 'a parent is not finished yet',
  taking: 'the lease is being taken',
  running: 'held and read',
  draining: 'nothing more is fetched, what is in flight is finished',
  releasing: 'the last position is being written and the lease given back',
  done: 'finished: SHARD_END is stored',
  lost: 'the lease was lost; nothing of it counts any more',
} as const;
export type LeaseState = keyof typeof LEASE_STATES;

/** Why a shard stopped here, the strongest reason first. */
export const END_REASONS = ['lease-lost', 'shard-gone', 'shard-end', 'handed-off', 'requested'] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What a reader looked for and did not find. */
export interface ShardLoss {
  /** `trimmed`: the record at the position is there no more. `gone`: the shard is not. */
  readonly kind: 'trimmed' | 'gone';
  /** Everything up to and including this was passed on. */
  readonly after: Position;
  /** The first record that is there; null where there is none. */
  readonly before: Position | null;
}

/** The parents of a shard, zero to two of them. */
export function parentsOf(shard: Pick<Shard, 'parentShardId' | 'adjacentParentShardId'>): string[] {
  const parents: string[] = [];
  if (shard.parentShardId !== null) parents.push(shard.parentShardId);
  if (shard.adjacentParentShardId !== null) parents.push(shard.adjacentParentShardId);
  return parents;
}
