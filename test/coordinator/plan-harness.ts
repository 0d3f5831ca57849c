// Tables to plan on: rows by hand, rows at random, and what a table is after lines of a plan were carried out.

import type { Plan, PlanSession, PlanShard } from '../../src/coordinator/plan.ts';
import type { SessionId, SessionState, ShardRow } from '../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { integerFrom, oneOf, type Random } from '../fakes/random.ts';

export interface PlanTable {
  readonly sessions: readonly PlanSession[];
  readonly shards: readonly PlanShard[];
}

export function session(
  name: SessionId,
  maxShards: number | null = null,
  state: SessionState = 'live',
): PlanSession {
  return { session: name, state, maxShards };
}

export function shardRow(
  shardId: string,
  owner: SessionId | null = null,
  changes: Partial<ShardRow> = {},
): ShardRow {
  return {
    shardId,
    startsAt: '1',
    parents: [],
    position: TRIM_HORIZON,
    owner,
    token: owner === null ? 0 : 1,
    handOffTo: null,
    ...changes,
  };
}

export function shardId(n: number): string {
  return `shardId-${String(n).padStart(12, '0')}`;
}

/** `count` shards, dealt in turn. */
export function dealtTable(count: number, owners: readonly (SessionId | null)[]): ShardRow[] {
  return Array.from({ length: count }, (_, n) => shardRow(shardId(n), owners[n % owners.length] ?? null));
}

/** Sessions in every state, with and without limits; shards of all of them, of nobody and of strangers, marked and not. */
export function randomTable(random: Random): PlanTable {
  const sessions = Array.from({ length: integerFrom(random, 0, 6) }, (_, n) =>
    session(
      `s${n}#${integerFrom(random, 0, 999)}`,
      random() < 0.6 ? null : integerFrom(random, 0, 9),
      random() < 0.7 ? 'live' : oneOf(random, ['draining', 'ended', 'dead'] as const),
    ),
  );
  const names = [null, 'stranger#1', ...sessions.map((each) => each.session)];
  // Some tables are crooked.
  const favourites = random() < 0.5 ? names : names.slice(-2);
  const shards = Array.from({ length: integerFrom(random, 0, 40) }, (_, n) =>
    shardRow(shardId(n), oneOf(random, favourites), {
      handOffTo: random() < 0.75 ? null : oneOf(random, names),
    }),
  );
  return { sessions, shards };
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** The session that a shard is read by or goes to, among those that may hold one. */
export function placeOf({ sessions }: PlanTable, shard: PlanShard): SessionId | null {
  const is = (name: SessionId | null, ...states: SessionState[]) =>
    sessions.some((each) => each.session === name && states.includes(each.state));
  if (is(shard.handOffTo, 'live')) return shard.handOffTo;
  return is(shard.owner, 'live', 'draining') ? shard.owner : null;
}

export function countsOf(table: PlanTable): Map<SessionId | null, number> {
  const counts = new Map<SessionId | null, number>();
  for (const shard of table.shards) {
    const place = placeOf(table, shard);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}

/** After these lines: taken what was free, and either marked or handed off what was to be given. */
export function carriedOut(
  table: PlanTable,
  { free, gives }: Pick<Plan, 'free' | 'gives'>,
  gift: 'marked' | 'handed-off',
): PlanTable {
  const taken = new Map(free.map(({ shardId: id, to }) => [id, to]));
  const given = new Map(gives.map(({ shardId: id, to }) => [id, to]));
  return {
    sessions: table.sessions,
    shards: table.shards.map((shard) => {
      const taker = taken.get(shard.shardId);
      if (taker !== undefined) return { ...shard, owner: taker, handOffTo: null };
      const to = given.get(shard.shardId);
      if (to === undefined) return shard;
      return gift === 'marked' ? { ...shard, handOffTo: to } : { ...shard, owner: to, handOffTo: null };
    }),
  };
}
