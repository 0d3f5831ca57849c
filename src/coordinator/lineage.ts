// The lineage of a stream, and what follows from it: where a new shard starts and which shards may be read now.
//
// Pure. A listing is always a complete one; its order does not matter. Nothing here trusts it to make sense: shards that
// are their own ancestors, listed twice or without their parents end no computation.

import type { NewShard, ShardRow } from '../model/lease-store.ts';
import { type Position, SHARD_END, TRIM_HORIZON } from '../model/position.ts';
import { parentsOf, type Shard, startedBefore } from '../model/shard.ts';

/** The parent and child graph of one complete listing. */
export interface Lineage {
  /** By id, parents before children. */
  readonly shards: ReadonlyMap<string, Shard>;
  /** Zero to two; they need not be listed any more. */
  parents(shardId: string): readonly string[];
  children(shardId: string): readonly string[];
  /** The listed ancestors of these shards at any depth, without the shards themselves. */
  ancestors(shardIds: Iterable<string>): ReadonlySet<string>;
  /** The descendants of these shards at any depth, without the shards themselves. */
  descendants(shardIds: Iterable<string>): ReadonlySet<string>;
}

/** What to hand to {@link LeaseStore.createShard}. */
export type ShardSeed = NewShard;

export interface Eligibility {
  /** May be read now; sorted by id. */
  readonly eligible: readonly string[];
  /** Unfinished shards that may not, with the parents that each one waits for. */
  readonly waiting: ReadonlyMap<string, readonly string[]>;
}

const NONE: readonly string[] = [];

export function buildLineage(listing: readonly Shard[]): Lineage {
  const listed = new Map<string, Shard>();
  for (const shard of [...listing].sort(byId)) {
    // Listed twice, by two pages around a reshard: closed is the newer news.
    const other = listed.get(shard.shardId);
    if (other === undefined || other.endingSequenceNumber === null) listed.set(shard.shardId, shard);
  }
  const parents = new Map<string, readonly string[]>();
  const children = new Map<string, string[]>();
  for (const [shardId, shard] of listed) {
    const own = [...new Set(parentsOf(shard))].filter((parent) => parent !== shardId);
    parents.set(shardId, own);
    for (const parent of own) {
      const siblings = children.get(parent);
      if (siblings === undefined) children.set(parent, [shardId]);
      else siblings.push(shardId);
    }
  }
  const parentsIn = (shardId: string) => parents.get(shardId) ?? NONE;
  const childrenIn = (shardId: string) => children.get(shardId) ?? NONE;
  return {
    shards: parentsFirst(listed, parentsIn, childrenIn),
    parents: parentsIn,
    children: childrenIn,
    ancestors: (shardIds) =>
      reachable(shardIds, (id) => parentsIn(id).filter((parent) => listed.has(parent))),
    descendants: (shardIds) => reachable(shardIds, childrenIn),
  };
}

/**
 * The rows to create when the application sees the stream for the first time, parents before children.
 *
 * `startSetIds` is what ListShards answers with the filter of the start, `start` the position as resolved in the app row.
 * Creation is "put if absent" and the result depends on nothing but the stream and the app row, so whoever finds that an
 * earlier first sight was cut short runs it again.
 */
export function seedRows(
  listing: readonly Shard[],
  startSetIds: Iterable<string>,
  start: Position,
  rows: readonly ShardRow[] = [],
): ShardSeed[] {
  const lineage = buildLineage(listing);
  const startSet = new Set(startSetIds);
  const ancestors = lineage.ancestors(startSet);
  const descendants = lineage.descendants(startSet);

  // What is read here or was, not only counted as done. Its children continue it, also when the start set tells nothing
  // any more, because its own shards have left the listing.
  const read = new Set(
    rows.filter(({ token, position }) => token > 0 || position !== SHARD_END).map(({ shardId }) => shardId),
  );
  const continues = (shardId: string) => lineage.parents(shardId).some((parent) => read.has(parent));

  const positionOf = (shard: Shard): Position => {
    if (continues(shard.shardId)) return TRIM_HORIZON;
    // Open at the start: begins there. This comes first because a start set may hold a parent and its child, where the
    // one was closed and the other opened at the very moment of the start.
    if (startSet.has(shard.shardId)) return start;
    // Appeared after the start: all of it is wanted. Before the next rule, so that a shard between two of the start set
    // is read rather than skipped.
    if (descendants.has(shard.shardId)) return TRIM_HORIZON;
    // Closed before the start: counts as done, or it would hold back the start set for ever.
    if (ancestors.has(shard.shardId)) return SHARD_END;
    // No relation to the start set. Closed: it ended before the start, and what led from it to the start set has been
    // trimmed; counts as done. Open: it can only have been opened after the start set was listed, through parents that
    // this listing lacks. To count it as done would lose it for good; `start` takes all that was put since.
    return shard.endingSequenceNumber === null ? start : SHARD_END;
  };

  // Parents come first, so a chain of new shards is followed to its end.
  return Array.from(lineage.shards.values(), (shard) => {
    const { shardId } = shard;
    const position = positionOf(shard);
    if (position === TRIM_HORIZON && continues(shardId)) read.add(shardId);
    const parents = lineage.parents(shardId).filter((parent) => lineage.shards.has(parent));
    return { shardId, startsAt: shard.startingSequenceNumber, parents, position };
  });
}

/**
 * The rows to create for shards that appeared since: at TRIM_HORIZON, whatever the start of the application, because
 * a child continues its parents. Parents before children.
 */
export function newRows(listing: readonly Shard[], rows: readonly ShardRow[]): ShardSeed[] {
  const lineage = buildLineage(listing);
  const known = new Set(rows.map((row) => row.shardId));
  const seeds: ShardSeed[] = [];
  for (const [shardId, { startingSequenceNumber: startsAt }] of lineage.shards) {
    if (known.has(shardId)) continue;
    seeds.push({
      shardId,
      startsAt,
      // A parent that is neither listed nor has a row is gone for good. Leaving it out of the row lets the shard be
      // eligible even for those whose own listing lacks the shard too.
      parents: lineage.parents(shardId).filter((parent) => lineage.shards.has(parent) || known.has(parent)),
      position: TRIM_HORIZON,
    });
  }
  return seeds;
}

/**
 * The rows that stand for shards of an earlier stream, which was deleted and created again under its name. A row that is
 * newer than the listing is not among them: then the listing is the old one.
 */
export function obsoleteRows(rows: readonly ShardRow[], listing: readonly Shard[]): ShardRow[] {
  const listed = new Map(listing.map((shard) => [shard.shardId, shard.startingSequenceNumber]));
  return rows.filter(({ shardId, startsAt }) => {
    const now = listed.get(shardId);
    return now !== undefined && startedBefore(startsAt, now);
  });
}

/**
 * The shards whose every parent is done or gone. Done: its row is at SHARD_END. Gone: a complete listing names the shard
 * but not the parent, whatever the parent's row says, because Kinesis has nothing left of it. A listing without the
 * shard itself may be older than the reshard and says nothing about the parent. Rows and shards that belong to different
 * streams of the same name say nothing about each other.
 */
export function eligible(rows: readonly ShardRow[], listing: readonly Shard[]): Eligibility {
  const lineage = buildLineage(listing);
  const finished = new Set<string>();
  const startOf = new Map(rows.map(({ shardId, startsAt }) => [shardId, startsAt]));
  const others = new Set<string>();
  for (const { shardId, startsAt, position } of rows) {
    const listed = lineage.shards.get(shardId);
    if (listed !== undefined && listed.startingSequenceNumber !== startsAt) others.add(shardId);
    else if (position === SHARD_END) finished.add(shardId);
  }

  /** Then it is no parent, but a shard of a later stream that has the id of one; or the shard itself. */
  const isYounger = (parent: string, { shardId, startsAt }: ShardRow): boolean =>
    parent === shardId || startedBefore(startsAt, startOf.get(parent) ?? startsAt);
  const ready: string[] = [];
  const waiting = new Map<string, readonly string[]>();
  for (const row of [...rows].sort(byId)) {
    const { shardId } = row;
    if (finished.has(shardId) || others.has(shardId)) continue;
    const awaited = lineage.shards.has(shardId)
      ? lineage.parents(shardId).filter((parent) => !finished.has(parent) && lineage.shards.has(parent))
      : row.parents.filter((parent) => !finished.has(parent) && !isYounger(parent, row));
    if (awaited.length === 0) ready.push(shardId);
    else waiting.set(shardId, awaited);
  }
  return { eligible: ready, waiting };
}

/** Kahn's algorithm; what is left over hangs in a cycle and comes last, by id. */
function parentsFirst(
  listed: ReadonlyMap<string, Shard>,
  parents: (shardId: string) => readonly string[],
  children: (shardId: string) => readonly string[],
): Map<string, Shard> {
  const pending = new Map<string, number>();
  const queue: string[] = [];
  for (const shardId of listed.keys()) {
    const count = parents(shardId).filter((parent) => listed.has(parent)).length;
    pending.set(shardId, count);
    if (count === 0) queue.push(shardId);
  }
  // The queue grows while it is walked.
  for (const shardId of queue) {
    for (const child of children(shardId)) {
      const count = pending.get(child)! - 1;
      pending.set(child, count);
      if (count === 0) queue.push(child);
    }
  }
  const ordered = new Map<string, Shard>();
  for (const shardId of [...queue, ...listed.keys()]) ordered.set(shardId, listed.get(shardId)!);
  return ordered;
}

function reachable(from: Iterable<string>, next: (shardId: string) => readonly string[]): Set<string> {
  const origins = new Set(from);
  const seen = new Set<string>();
  const queue = [...origins];
  for (const shardId of queue) {
    for (const neighbour of next(shardId)) {
      if (seen.has(neighbour) || origins.has(neighbour)) continue;
      seen.add(neighbour);
      queue.push(neighbour);
    }
  }
  return seen;
}

function byId(a: { readonly shardId: string }, b: { readonly shardId: string }): number {
  return a.shardId < b.shardId ? -1 : Number(a.shardId > b.shardId);
}
