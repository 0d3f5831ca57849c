// What handlers saw against the lineage of the stream: no shard before all that it descends from.

import { AssertionError } from 'chai';
import { parentsOf, type Shard } from '../../src/model/shard.ts';
import type { BatchReport } from './handler-reports.ts';

export type HandledBatch = Pick<BatchReport, 'shardId' | 'startedAt' | 'endedAt'>;

/** Fails where a batch began before the last one of an ancestor had ended, however many empty shards lie between. */
export function expectAncestorsFirst(batches: readonly HandledBatch[], shards: readonly Shard[]): void {
  const byId = new Map(shards.map((shard) => [shard.shardId, shard]));
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { shardId, startedAt, endedAt } of batches) {
    first.set(shardId, Math.min(startedAt, first.get(shardId) ?? Infinity));
    last.set(shardId, Math.max(endedAt, last.get(shardId) ?? -Infinity));
  }
  const early: string[] = [];
  for (const [shardId, startedAt] of first) {
    for (const ancestor of ancestorsOf(shardId, byId)) {
      const endedAt = last.get(ancestor);
      if (endedAt === undefined || endedAt <= startedAt) continue;
      early.push(`${shardId} began ${Math.round(endedAt - startedAt)} ms before the end of ${ancestor}`);
    }
  }
  if (first.size > 0 && early.length === 0) return;
  throw new AssertionError(early.length === 0 ? 'No batch was handled' : early.join('; '));
}

function ancestorsOf(shardId: string, shards: ReadonlyMap<string, Shard>): Set<string> {
  const found = new Set<string>();
  const queue = [shardId];
  for (const each of queue) {
    const shard = shards.get(each);
    for (const parent of shard === undefined ? [] : parentsOf(shard)) {
      if (found.has(parent)) continue;
      found.add(parent);
      queue.push(parent);
    }
  }
  return found;
}
