// When all is as it should be: every shard read by somebody, evenly, nothing left to deliver and nothing left to clean up.

import { SHARD_END } from '../../src/model/position.ts';
import type { Instance } from './instance.ts';
import type { Monitor } from './monitor.ts';
import type { Server } from './server.ts';
import type { Stream } from './stream.ts';

export interface RestParts {
  readonly stream: Stream;
  readonly server: Server;
  readonly monitor: Monitor;
  readonly instances: readonly Instance[];
}

/** What is not as it should be; null when nothing is. */
export function restlessness({ stream, server, monitor, instances }: RestParts): string | null {
  const here = instances.filter(({ isAlive }) => isAlive);
  for (const { name, isWanted, isAlive } of instances)
    if (isWanted && !isAlive) return `${name} is to start again`;
  for (const { name, isWanted, hasJoined, isValid } of here) {
    if (!hasJoined) return `${name} has not joined`;
    if (!isWanted) return `${name} has not left`;
    if (!isValid) return `${name} has no session`;
  }
  const bySession = new Map(here.map((instance) => [instance.session, instance]));
  const counts = new Map(here.map((instance) => [instance, 0]));
  const isFull = here.every(({ maxShards, held }) => held.size >= (maxShards ?? Infinity));
  const named = new Set<string>();
  let orphans = 0;
  for (const { shardId, closedAt, goneAt, positions } of stream.shards.values()) {
    const row = server.rows.shard(shardId);
    if (goneAt !== Infinity) {
      // Who had an old listing made it again, and waits for parents that nobody knows: it does no harm.
      const isForgotten =
        row?.token === 0 && row.parents.some((parent) => server.rows.shard(parent)?.position !== SHARD_END);
      if (row !== null && !isForgotten) return `the row of ${shardId} is still there`;
      continue;
    }
    if (row === null) return `${shardId} has no row`;
    if (closedAt !== Infinity && row.position === SHARD_END) continue;
    const owner = bySession.get(row.owner ?? '');
    if (owner?.held.has(shardId) !== true) {
      if (!isFull) return `${shardId} is of ${row.owner ?? 'nobody'}, who does not hold it`;
      if (row.owner !== null) named.add(row.owner);
      if (row.handOffTo !== null) named.add(row.handOffTo);
      orphans += 1;
      continue;
    }
    if (row.handOffTo !== null) return `${shardId} is marked for ${row.handOffTo}`;
    const lease = owner.held.get(shardId);
    if (lease?.state !== 'running' || lease.token !== row.token)
      return `${shardId} is ${lease?.state ?? 'nothing'} at ${owner.name}`;
    counts.set(owner, counts.get(owner)! + 1);
    const stored = stream.countUpTo(stream.shards.get(shardId)!, row.position);
    if (stored !== positions.length)
      return `${shardId} is stored up to ${stored} of ${positions.length}, ${monitor.prefix(shardId)} are handled`;
    if (closedAt !== Infinity) return `${shardId} is not ended`;
  }
  for (const [some, few] of counts) {
    if (few > (some.maxShards ?? Infinity)) return `${some.name} holds ${few} and may hold ${some.maxShards}`;
    if (few === some.maxShards) continue;
    for (const [other, many] of counts) {
      if (many > few + 1) return `${other.name} holds ${many} and ${some.name} holds ${few}`;
    }
    if (orphans > 0) return `${orphans} shards are nobody's, and ${some.name} has room`;
  }
  for (const { session, state } of server.rows.sessions()) {
    // One that a shard names has to stay.
    if (!bySession.has(session) && !named.has(session))
      return `the row of ${session} is still there, ${state}`;
  }
  return null;
}
