// Who is to read which shard. Pure: no clock, no randomness, no self. Every instance computes the same plan of the same rows and
// carries out only the lines that name itself.
//
// A shard counts for the session that it is going to: the one that it is marked for, else its owner. Shares are even, within
// maxShards, and the odd ones stay with those that have most already. That is the hysteresis: a balanced table is a fixed point,
// and each line that is carried out leaves one move less to make, in whatever order the instances get to it.

import type { SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';
import { byHash, hash32, type Hashed } from './plan-hash.ts';

export type PlanSession = Pick<SessionRow, 'session' | 'state' | 'maxShards'>;
/** One that may be read: unfinished, its parents done. */
export type PlanShard = Pick<ShardRow, 'shardId' | 'owner' | 'handOffTo'>;

export interface PlanInput {
  readonly sessions: readonly PlanSession[];
  readonly shards: readonly PlanShard[];
}

export interface Plan {
  /** How many shards each live session is to have. */
  readonly targets: ReadonlyMap<SessionId, number>;
  /** Shards that nobody reads, and who is to take them: a reservation, or a share of what is left. */
  readonly free: readonly FreeLine[];
  /** Shards that are to leave the session that has them. */
  readonly gives: readonly GiveLine[];
  /** Shards without a place: there are more than all of `maxShards` allow. */
  readonly unassigned: readonly string[];
}

export interface FreeLine {
  readonly shardId: string;
  readonly to: SessionId;
}

export interface GiveLine {
  readonly shardId: string;
  /**
   * The owner; for a free shard, the session that it is reserved for. The same as `to` where the shard stays and only the mark
   * for a third one is to go.
   */
  readonly from: SessionId;
  readonly to: SessionId;
}

interface Holding extends Hashed {
  readonly cap: number;
  /** What it has is to be given away. */
  readonly isLeaving: boolean;
  /** Those that go to it, and its own that go nowhere else. */
  readonly shards: PlanShard[];
  target: number;
}

/** What a session is rid of first: a hand-off that has not happened costs nothing, and what nobody has cannot be handed off. */
const MARKED = 0;
const OWNED = 1;
const RESERVED = 2;

export function plan({ sessions, shards }: PlanInput): Plan {
  const holdings = holdingsOf(sessions);
  const free: PlanShard[] = [];
  const reserved: PlanShard[] = [];
  for (const shard of shards) {
    const holding = destinationOf(shard, holdings);
    if (holding === undefined) {
      free.push(shard);
      continue;
    }
    holding.shards.push(shard);
    if (shard.owner !== holding.id && !hasOwner(shard, holdings)) reserved.push(shard);
  }
  const all = [...holdings.values()];
  const live = all.filter(({ isLeaving }) => !isLeaving).sort(byHash);
  setTargets(live, shards.length);

  const surplus = all.flatMap((holding) => surplusOf(holding, holdings)).sort(byRank);
  const leaving = new Set(surplus.map(({ id }) => id));
  const freeLines: FreeLine[] = [];
  const gives: GiveLine[] = [];
  const unassigned: string[] = [];
  const next = dealer(live);
  for (const { id: shardId, shard } of hashed(reserved)) {
    if (!leaving.has(shardId)) freeLines.push({ shardId, to: shard.handOffTo! });
  }
  for (const { id: shardId } of hashed(free)) {
    const to = next();
    if (to === null) unassigned.push(shardId);
    else freeLines.push({ shardId, to });
  }
  for (const { id: shardId, from } of surplus) {
    const to = next();
    if (to === null) unassigned.push(shardId);
    else gives.push({ shardId, from, to });
  }
  return { targets: new Map(live.map(({ id, target }) => [id, target])), free: freeLines, gives, unassigned };
}

/** Of the sessions that have not ended. */
function holdingsOf(sessions: readonly PlanSession[]): Map<SessionId, Holding> {
  const holdings = new Map<SessionId, Holding>();
  for (const { session: id, state, maxShards } of sessions) {
    if (state !== 'live' && state !== 'draining') continue;
    const isLeaving = state === 'draining';
    const cap = maxShards ?? Infinity;
    holdings.set(id, { id, hash: hash32(id), cap, isLeaving, shards: [], target: 0 });
  }
  return holdings;
}

/** Undefined: it is free. */
function destinationOf(
  { owner, handOffTo }: PlanShard,
  holdings: ReadonlyMap<SessionId, Holding>,
): Holding | undefined {
  // Most rows are not marked: they cost one look-up.
  const taker = handOffTo === null ? undefined : holdings.get(handOffTo);
  if (taker !== undefined && !taker.isLeaving) return taker;
  return owner === null ? undefined : holdings.get(owner);
}

/** As even as `maxShards` allows; the odd ones go to those that have most. */
function setTargets(live: readonly Holding[], shards: number): void {
  const open = live.toSorted((a, b) => a.cap - b.cap);
  let left = shards;
  while (open.length > 0 && open[0]!.cap * open.length < left) {
    const full = open.shift()!;
    full.target = full.cap;
    left -= full.cap;
  }
  if (open.length === 0) return;
  const level = Math.floor(left / open.length);
  for (const holding of open) holding.target = level;
  // None of those left is at its cap below `level`, and one is at it only if nothing is left over.
  open.sort((a, b) => b.shards.length - a.shards.length || byHash(a, b));
  for (const holding of open.slice(0, left - level * open.length)) holding.target += 1;
}

interface Surplus extends Hashed {
  readonly rank: typeof MARKED | typeof OWNED | typeof RESERVED;
  readonly from: SessionId;
}

/** What is to leave the session. */
function surplusOf(
  { id: session, shards, target }: Holding,
  holdings: ReadonlyMap<SessionId, Holding>,
): Surplus[] {
  const count = shards.length - target;
  if (count <= 0) return [];
  const all = shards.map((shard): Surplus => {
    const { shardId: id, owner } = shard;
    const hash = hash32(id);
    if (owner === session) return { id, hash, rank: OWNED, from: session };
    if (hasOwner(shard, holdings)) return { id, hash, rank: MARKED, from: owner! };
    return { id, hash, rank: RESERVED, from: session };
  });
  return all.sort(byRank).slice(0, count);
}

/** Deals one shard a call, to those that lack most first; null when nobody lacks any. */
function dealer(live: readonly Holding[]): () => SessionId | null {
  const lacking = live
    .map(({ id, hash, target, shards }) => ({ id, hash, count: target - shards.length }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || byHash(a, b));
  let at = 0;
  let dealt = 0;
  return () => {
    const taker = lacking[at];
    if (taker === undefined) return null;
    dealt += 1;
    if (dealt === taker.count) {
      at += 1;
      dealt = 0;
    }
    return taker.id;
  };
}

/** Its owner has not ended. */
function hasOwner({ owner }: PlanShard, holdings: ReadonlyMap<SessionId, Holding>): boolean {
  return owner !== null && holdings.has(owner);
}

function hashed(shards: readonly PlanShard[]): (Hashed & { readonly shard: PlanShard })[] {
  return shards.map((shard) => ({ id: shard.shardId, hash: hash32(shard.shardId), shard })).sort(byHash);
}

function byRank(a: Surplus, b: Surplus): number {
  return a.rank - b.rank || byHash(a, b);
}
