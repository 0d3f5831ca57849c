// What a reshard does, as steps on the borders between shards: a split adds a border, a merge takes one away.

import { uniformRanges } from './hash-keys.ts';

export type ReshardStep =
  /** The shard around `at` is cut in two; `at` becomes the first hash key of the upper one. */
  | { readonly type: 'split'; readonly at: bigint }
  /** The shard that begins at `at` is merged with the one below, which is the ParentShardId of the child. */
  | { readonly type: 'merge'; readonly at: bigint };

/**
 * The steps from shards that begin at those hash keys to `target` shards of equal size. Splits come first, so shards may
 * live for a moment only, as with AWS. `starts` must be sorted and begin with 0.
 */
export function planUniformScaling(starts: readonly bigint[], target: number): ReshardStep[] {
  const wanted = uniformRanges(target).map((range) => range.start);
  const splits = wanted.filter((start) => !starts.includes(start));
  const merges = starts.filter((start) => !wanted.includes(start));
  return [
    ...splits.map((at) => ({ type: 'split', at }) as const),
    ...merges.map((at) => ({ type: 'merge', at }) as const),
  ];
}
