// What has to be so when nothing disturbs a fleet any more: who reads what, which rows are there.

import type { FullRead } from '../../src/model/lease-store.ts';
import { SHARD_END } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';

/** What is not yet so; empty when all is well. `instances` have one process each. */
export function unrest(
  { sessions, shards: rows }: Pick<FullRead, 'sessions' | 'shards'>,
  shards: readonly Shard[],
  instances: readonly string[],
): string[] {
  const problems: string[] = [];
  const live = new Map<string, number>();
  for (const { session, state } of sessions) {
    if (state === 'live') live.set(session, 0);
    else problems.push(`the row of the session ${session} is still there as ${state}`);
  }
  const owners = [...live.keys()].map((session) => session.slice(0, session.lastIndexOf('#'))).sort();
  if (owners.join() !== [...instances].sort().join())
    problems.push(`the live sessions are of ${owners.join(', ')}`);
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  for (const { shardId, endingSequenceNumber } of shards) {
    const row = byId.get(shardId);
    if (row === undefined) {
      problems.push(`${shardId} has no row`);
    } else if (endingSequenceNumber !== null) {
      if (row.position !== SHARD_END) problems.push(`${shardId} is closed, and its row at ${row.position}`);
      if (row.owner !== null) problems.push(`${shardId} is closed, and owned by ${row.owner}`);
    } else if (row.owner === null || !live.has(row.owner)) {
      problems.push(`${shardId} is open, and owned by ${row.owner ?? 'nobody'}`);
    } else {
      live.set(row.owner, live.get(row.owner)! + 1);
      if (row.handOffTo !== null) problems.push(`${shardId} is on its way to ${row.handOffTo}`);
    }
  }
  const counts = [...live.values()];
  if (counts.length > 0 && Math.max(...counts) - Math.min(...counts) > 1) {
    problems.push(`the spread is ${[...live].map(([session, count]) => `${session}: ${count}`).join(', ')}`);
  }
  return problems;
}

/** After an orderly stop of all. */
export function leftovers({ sessions, shards }: Pick<FullRead, 'sessions' | 'shards'>): string[] {
  return [
    ...sessions
      .filter(({ state }) => state === 'live' || state === 'draining')
      .map(({ session, state }) => `the session ${session} is still ${state}`),
    ...shards
      .filter(({ owner }) => owner !== null)
      .map(({ shardId, owner }) => `${shardId} is still owned by ${owner}`),
  ];
}
