// Which shards this instance should take now. Pure: no clock, no randomness.

import type { SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';

/**
 * The rows to take: eligible ones that are free, whose session has ended, or that name this session without its holding
 * them (a take whose answer was lost), up to `maxShards`. Never one of a live session.
 */
export function claims(
  rows: readonly ShardRow[],
  eligible: readonly string[],
  sessions: readonly SessionRow[],
  me: SessionId,
  held: ReadonlySet<string>,
  maxShards: number | null,
): ShardRow[] {
  const over = new Set(
    sessions.filter(({ state }) => state === 'ended' || state === 'dead').map(({ session }) => session),
  );
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  const claimed: ShardRow[] = [];
  const room = maxShards === null ? Infinity : maxShards - held.size;
  for (const shardId of eligible) {
    if (claimed.length >= room) break;
    const row = byId.get(shardId);
    if (row === undefined || held.has(shardId)) continue;
    if (row.owner === null || row.owner === me || over.has(row.owner)) claimed.push(row);
  }
  return claimed;
}
