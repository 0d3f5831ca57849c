// Which shard rows may be removed: without it an application that reshards every day keeps a row of each shard for ever.

import type { ShardRow } from '../model/lease-store.ts';
import { SHARD_END } from '../model/position.ts';
import type { Shard } from '../model/shard.ts';
import { buildLineage } from './lineage.ts';

export interface RowCleanup {
  /**
   * Of a complete listing and all rows as read after it. A row may go when it is at SHARD_END and free, two such listings a
   * refresh interval apart lacked its shard, and every listed child of it has a row: a child without one would be taken for
   * one that appeared without parents.
   */
  removable(listing: readonly Shard[], rows: readonly ShardRow[], now: number): readonly string[];
}

export function createRowCleanup(shardRefreshIntervalMs: number): RowCleanup {
  let missingSince = new Map<string, number>();
  return {
    removable(listing, rows, now) {
      const lineage = buildLineage(listing);
      const known = new Set(rows.map(({ shardId }) => shardId));
      const still = new Map<string, number>();
      const removable: string[] = [];
      for (const { shardId, position, owner } of rows) {
        if (lineage.shards.has(shardId)) continue;
        const since = missingSince.get(shardId) ?? now;
        still.set(shardId, since);
        if (position !== SHARD_END || owner !== null || now - since < shardRefreshIntervalMs) continue;
        if (lineage.children(shardId).every((child) => known.has(child))) removable.push(shardId);
      }
      missingSince = still;
      return removable;
    },
  };
}
